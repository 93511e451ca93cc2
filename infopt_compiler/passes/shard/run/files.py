"""Parts of tensors between files, in blocks of a few megabytes: no file is mapped, since mapped pages are resident memory, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.tensors import ITEM_BYTES, Tensor, read_tensors

from .errors import DamagedShard

if TYPE_CHECKING:
    import numpy as np

BLOCK_BYTES = 4 << 20
Ranges = tuple[tuple[int, int], ...]  # first and last + 1, for each dimension


def tensors_in(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; DamagedShard where it is cut short or no safetensors file."""
    try:
        return {tensor.name: tensor for tensor in read_tensors(path)}
    except SourceError as damage:
        raise DamagedShard(str(damage), help="make the artifact anew") from damage


def read_part(tensor: Tensor, part: Ranges) -> Iterator[bytes]:
    """The bytes of a part of a tensor of at most two dimensions (or of a whole one), row by row, a few megabytes at a time."""
    item = ITEM_BYTES[tensor.dtype]
    rows, width, (first, last), (left, right) = _as_matrix(tensor.shape, part)
    assert last <= rows
    with tensor.path.open("rb", buffering=0) as file:
        step = max(1, BLOCK_BYTES // max(1, width * item))
        for row in range(first, last, step):
            count = min(step, last - row)
            yield from _rows(
                file.fileno(),
                tensor.offset + row * width * item,
                count,
                width * item,
                left * item,
                right * item,
            )


def _as_matrix(shape: tuple[int, ...], part: Ranges) -> tuple[int, int, tuple[int, int], tuple[int, int]]:
    """Rows, columns, and the ranges of both."""
    if len(shape) == 0:
        return 1, 1, (0, 1), (0, 1)
    width = prod(shape[1:])
    if len(shape) == 2:
        return shape[0], width, part[0], part[1]
    assert all(piece == (0, size) for piece, size in zip(part[1:], shape[1:], strict=True))
    return shape[0], width, part[0], (0, width)


def _rows(file: int, offset: int, rows: int, row_bytes: int, left: int, right: int) -> Iterator[bytes]:
    """The columns `left` to `right` (bytes) of so many rows. A row alone may be larger than a block."""
    if row_bytes > BLOCK_BYTES:
        for row in range(rows):
            for start in range(left, right, BLOCK_BYTES):
                yield _exactly(file, min(BLOCK_BYTES, right - start), offset + row * row_bytes + start)
        return
    data = _exactly(file, rows * row_bytes, offset)
    if right - left == row_bytes:
        yield data
        return
    import numpy as np

    yield np.frombuffer(data, np.uint8).reshape(rows, row_bytes)[:, left:right].tobytes()


def _exactly(file: int, count: int, offset: int) -> bytes:
    data = os.pread(file, count, offset)
    while len(data) < count:
        more = os.pread(file, count - len(data), offset + len(data))
        if not more:
            raise DamagedShard("a file of weights became shorter while it was read")
        data += more
    return data


def read_into(
    tensor: Tensor, out: np.ndarray[Any, Any], seen: Callable[[memoryview], None] = lambda data: None
) -> None:
    """Fill a contiguous array of the tensor's size with its bytes; nothing is held besides. `seen` gets what was read."""
    view = memoryview(out.reshape(-1).view("uint8"))  # type: ignore[arg-type]
    with tensor.path.open("rb", buffering=0) as file:
        file.seek(tensor.offset)
        while view:
            count = file.readinto(view[: BLOCK_BYTES * 8])
            if not count:
                raise DamagedShard(
                    f"{tensor.path.name} is cut short: `{tensor.name}` is not whole",
                    help="make the artifact anew",
                )
            seen(view[:count])
            view = view[count:]


def to_bfloat16(data: bytes) -> bytes:
    """Float32 to the nearest bfloat16, ties to even."""
    import numpy as np

    bits = np.frombuffer(data, "<u4")
    rounded = (bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16
    narrow: bytes = rounded.astype("<u2").tobytes()
    return narrow
