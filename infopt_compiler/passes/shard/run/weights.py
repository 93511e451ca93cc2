"""What a rank reads: its own file and nothing else, each tensor straight to where it stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from infopt_compiler.sources.tensors import Tensor as Stored

from .architecture import Architecture
from .errors import DamagedShard
from .files import Ranges, read_into, tensors_in
from .index import ShardIndex
from .matrices import FloatMatrix, IntegerMatrix, Matrix

TYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U8": torch.uint8,
    "F64": torch.float64,
}


class RankWeights:
    """The tensors of a rank by their names in the model; `part` says which part of the whole one is."""

    def __init__(
        self, folder: Path, index: ShardIndex, rank: int, device: torch.device, compute: torch.dtype
    ) -> None:
        shard = index.shards[index.ranks[rank]]
        self._architecture = Architecture.from_folder(folder)
        self._parts, self._compute, self._index = shard.parts, compute, index
        self._tensors = _read_shard(folder / shard.file, shard.sha256, device)

    @property
    def bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self._tensors.values())

    def names(self) -> list[str]:
        return list(self._tensors)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def part(self, name: str) -> Ranges:
        return self._parts[name]

    def is_cut(self, module: str, dimension: int) -> bool:
        """Whether this rank holds only a part of the module's weights along a dimension."""
        name = next(name for name in (f"{module}.weight", f"{module}.qweight") if name in self._parts)
        return self._parts[name][dimension] != (0, self._index.tensors[name].shape[dimension])

    def vector(self, name: str) -> Tensor:
        """A norm's gains."""
        return self._tensors[name].to(self._compute)

    def matrix(self, module: str, *, bias: bool = True) -> Matrix:
        """The weights of a module, its bias with them unless that is added elsewhere."""
        found = self.bias(module) if bias else None
        if f"{module}.qweight" in self._tensors:
            bits, group = self._architecture.format_of(module)
            return IntegerMatrix(
                self._tensors[f"{module}.qweight"],
                self._tensors[f"{module}.scales"],
                self._tensors.get(f"{module}.qzeros"),
                bits,
                group,
                self._compute,
                found,
            )
        return FloatMatrix(self._tensors[f"{module}.weight"], self._compute, found)

    def bias(self, module: str) -> Tensor | None:
        found = self._tensors.get(f"{module}.bias")
        return None if found is None else found.to(self._compute)


def _read_shard(path: Path, sha256: str, device: torch.device) -> dict[str, Tensor]:
    """DamagedShard unless the bytes are those that were written: a flipped bit would be a wrong answer without a word."""
    stored = sorted(tensors_in(path).values(), key=lambda tensor: tensor.offset)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(stored[0].offset if stored else -1))
    found = {tensor.name: _read(tensor, device, digest.update) for tensor in stored}
    if digest.hexdigest() != sha256:
        raise DamagedShard(f"the shard {path.name} is not what was written", help="make the artifact anew")
    return found


def _read(stored: Stored, device: torch.device, seen: Callable[[memoryview], None]) -> Tensor:
    out = torch.empty(stored.shape, dtype=TYPES[stored.dtype])
    read_into(stored, out.reshape(-1).view(torch.uint8).numpy(), seen)
    return out.to(device)
