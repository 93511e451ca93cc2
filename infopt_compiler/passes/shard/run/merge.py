"""The whole model back from its shards, bit for bit, as a folder that transformers loads."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from infopt_compiler.sources.tensors import ITEM_BYTES, Header, Tensor, header_bytes

from .errors import CannotWriteShards, DamagedShard
from .files import BLOCK_BYTES, Ranges, read_part, tensors_in
from .index import INDEX, ShardIndex, Whole

_TRANSFORMERS_INDEX = "model.safetensors.index.json"


def merge(folder: Path, out: Path) -> dict[str, int]:
    """Write the model that was sharded into `out`, which must not exist or be empty; gives files and bytes.

    Digests of all shards are verified first; a tensor is written row by row. Raises NoShards, DamagedShard, CannotWriteShards.
    """
    index = ShardIndex.read(folder)
    index.check_files(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CannotWriteShards(f"{out} is there already", help="name a folder that does not exist")
    if out.resolve().is_relative_to(folder.resolve()):
        raise CannotWriteShards(f"{out} lies in the sharded model itself", help="name a folder elsewhere")
    _verify_digests(folder, index)
    try:
        return _whole_or_nothing(folder, index, out)
    except OSError as failure:
        raise CannotWriteShards(f"{out} cannot be written: {failure}", help="is the disk full?") from failure


def _whole_or_nothing(folder: Path, index: ShardIndex, out: Path) -> dict[str, int]:
    """Under another name until it is whole: half a model would look like one."""
    partial = out.absolute().with_name(f".{out.absolute().name}.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        written = _write(folder, index, partial)
        partial.replace(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return written


def _verify_digests(folder: Path, index: ShardIndex) -> None:
    for name, shard in index.shards.items():
        digest = hashlib.sha256()
        with (folder / name).open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        if digest.hexdigest() != shard.sha256:
            raise DamagedShard(f"the shard {name} is not what was written", help="make the artifact anew")


def _write(folder: Path, index: ShardIndex, out: Path) -> dict[str, int]:
    stored = {name: tensors_in(folder / name) for name in index.shards}
    files = sorted({whole.file for whole in index.tensors.values()})
    for file in files:
        held = {name: whole for name, whole in index.tensors.items() if whole.file == file}
        with (out / file).open("wb") as target:
            target.write(header_bytes({name: Header(one.dtype, one.shape) for name, one in held.items()}))
            for name, whole in held.items():
                for block in _assembled(name, whole, index, stored):
                    target.write(block)
    if len(files) > 1:
        _write_index(index, out)
    for path in folder.iterdir():
        if path.name not in index.shards and path.name != INDEX:
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, out / path.name)
    return {"files": len(files), "bytes": sum((out / file).stat().st_size for file in files)}


def _write_index(index: ShardIndex, out: Path) -> None:
    weight_map = {name: whole.file for name, whole in sorted(index.tensors.items())}
    content = {
        "metadata": {"total_size": sum((out / f).stat().st_size for f in set(weight_map.values()))},
        "weight_map": weight_map,
    }
    (out / _TRANSFORMERS_INDEX).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _assembled(
    name: str, whole: Whole, index: ShardIndex, stored: Mapping[str, Mapping[str, Tensor]]
) -> Iterator[bytes]:
    """The bytes of a tensor from its parts: one above the other, or side by side."""
    pieces = {
        shard.parts[name]: stored[file][name] for file, shard in index.shards.items() if name in shard.parts
    }
    ordered = sorted(pieces)
    if ordered and len(whole.shape) == 2 and ordered[0][1] != (0, whole.shape[1]):
        yield from _side_by_side(whole, [(part, pieces[part]) for part in ordered])
        return
    reached = 0
    for part in ordered:
        if part and part[0][0] != reached:
            break
        reached = part[0][1] if part else 1
        local = tuple((0, last - first) for first, last in part)
        yield from read_part(pieces[part], local)
    if reached != (whole.shape[0] if whole.shape else 1):
        raise DamagedShard(f"the shards do not cover `{name}`", help="make the artifact anew")


def _side_by_side(whole: Whole, pieces: list[tuple[Ranges, Tensor]]) -> Iterator[bytes]:
    import numpy as np

    (rows, width), item = whole.shape, ITEM_BYTES[whole.dtype]
    step = max(1, BLOCK_BYTES // (width * item))
    for row in range(0, rows, step):
        last = min(rows, row + step)
        columns = []
        for part, tensor in pieces:
            data = b"".join(read_part(tensor, ((row, last), (0, part[1][1] - part[1][0]))))
            columns.append(np.frombuffer(data, np.uint8).reshape(last - row, -1))
        block = np.concatenate(columns, axis=1)
        if block.shape[1] != width * item:
            raise DamagedShard("the shards do not cover a matrix", help="make the artifact anew")
        yield block.tobytes()
