"""What a rank reads: its own file and nothing else, each tensor straight to where it stays."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from .architecture import Architecture
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
        self._tensors = {
            name: self._read(tensor, device) for name, tensor in tensors_in(folder / shard.file).items()
        }

    def _read(self, stored: object, device: torch.device) -> Tensor:
        from infopt_compiler.sources.tensors import Tensor as Stored

        assert isinstance(stored, Stored)
        out = torch.empty(stored.shape, dtype=TYPES[stored.dtype])
        read_into(
            stored, out.view(torch.uint8).numpy() if out.dim() else out.reshape(1).view(torch.uint8).numpy()
        )
        return out.to(device)

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
