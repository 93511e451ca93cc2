"""Safetensors files read and written as streams: any number of shards become one float32 file, in little memory.

Format: 8 bytes of header length (little endian), a JSON header (name → dtype, shape, data_offsets), the data.
Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.progress import Tell

ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
_FLOATS = ("F64", "F32", "F16", "BF16")
_HEADER_LIMIT = 100_000_000
_BLOCK = 1 << 22  # elements that are converted at once


@dataclass(frozen=True)
class Tensor:
    """Where one tensor lies: `offset` bytes into `path`."""

    name: str
    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def out_dtype(self) -> str:
        return "F32" if self.dtype in _FLOATS else self.dtype

    @property
    def out_bytes(self) -> int:
        return self.elements * ITEM_BYTES[self.out_dtype]


@dataclass(frozen=True)
class Header:
    """What a header says of a tensor that is to be written."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return prod(self.shape) * ITEM_BYTES[self.dtype]


def read_tensors(path: Path) -> list[Tensor]:
    """The tensors of a file; SourceError E0605 where it is cut short, E0606 where it is no safetensors file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header, start = _read_header(file, path, size)
    tensors = []
    for name, info in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, begin, end = _described(name, info, path)
        if dtype not in ITEM_BYTES:
            raise SourceError("E0612", f"`{name}` in {path.name} has the type {dtype}, not a float")
        if end - begin != prod(shape) * ITEM_BYTES[dtype]:
            raise SourceError("E0605", f"{path.name} is damaged: `{name}` has not the bytes of its shape")
        if start + end > size:
            raise SourceError("E0605", f"{path.name} is cut short: `{name}` ends beyond its {size} bytes")
        tensors.append(Tensor(name, path, dtype, shape, start + begin))
    return tensors


def _described(name: str, info: Any, path: Path) -> tuple[str, tuple[int, ...], int, int]:
    """Type, shape and offsets of one row of the header."""
    try:
        dtype, shape, (begin, end) = str(info["dtype"]), tuple(map(int, info["shape"])), info["data_offsets"]
        if min(shape, default=0) >= 0 and 0 <= int(begin) <= int(end):
            return dtype, shape, int(begin), int(end)
    except (KeyError, TypeError, ValueError):
        pass
    raise SourceError("E0606", f"{path.name} is no safetensors file: its header says nonsense of `{name}`")


def _read_header(file: IO[bytes], path: Path, size: int) -> tuple[dict[str, Any], int]:
    head = file.read(8)
    length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
    if not 2 <= length <= _HEADER_LIMIT:
        raise SourceError("E0606", f"{path.name} is no safetensors file")
    text = file.read(length)
    if len(text) < length:
        raise SourceError("E0605", f"{path.name} is cut short: its header is not whole")
    try:
        header = json.loads(text)
    except ValueError as damage:
        raise SourceError("E0606", f"{path.name} is no safetensors file: {damage}") from damage
    if not isinstance(header, dict):
        raise SourceError("E0606", f"{path.name} is no safetensors file")
    return header, 8 + length


def write_float32(shards: list[Path], target: Path, tell: Tell) -> dict[str, int]:
    """Write all tensors of `shards` into one file, floats as float32; gives the number of tensors per source type."""
    tensors = sorted((t for path in shards for t in read_tensors(path)), key=lambda t: t.name)
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        raise SourceError("E0606", "two weight files hold a tensor of the same name")
    total, done = sum(tensor.out_bytes for tensor in tensors), 0
    with target.open("wb") as out:
        out.write(header_bytes({tensor.name: Header(tensor.out_dtype, tensor.shape) for tensor in tensors}))
        for tensor in tensors:
            _convert(tensor, out)
            done += tensor.out_bytes
            tell(done, total, "writing weights")
    return {kind: sum(t.dtype == kind for t in tensors) for kind in sorted({t.dtype for t in tensors})}


def header_bytes(tensors: Mapping[str, Header]) -> bytes:
    """The header of a safetensors file that holds these tensors one after the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        offsets = [at, at + tensor.bytes]
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets}
        at += tensor.bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _convert(tensor: Tensor, out: IO[bytes]) -> None:
    width = ITEM_BYTES[tensor.dtype]
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        for start in range(0, tensor.elements, _BLOCK):
            data = file.read(min(_BLOCK, tensor.elements - start) * width)
            out.write(_float32(data, tensor.dtype) if tensor.dtype in _FLOATS else data)


def _float32(data: bytes, dtype: str) -> bytes:
    import numpy as np

    if dtype == "F32":
        return data
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).tobytes()
    return np.frombuffer(data, "<f2" if dtype == "F16" else "<f8").astype("<f4").tobytes()
