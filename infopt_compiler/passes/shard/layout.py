"""Which part of which tensor a rank holds: a pure function of shapes, names and the mesh.

Megatron-LM's cut (arXiv 1909.08053, section 3): q, k, v, gate and up by outputs, o and down by inputs, so that a layer
needs two all-reduces; the tables over the vocabulary by rows where the degree divides it; norms and routers whole. A
pipeline stage holds whole layers, the first one the embedding, the last one norm and head. Experts are dealt out whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from infopt_compiler.architectures import Role
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Coordinate, Mesh
from infopt_compiler.passes.shard.tensors import Stored, tensors_of
from infopt_compiler.targets.stages import balanced_stages

_EXPERT = re.compile(r".+\.(\d+)\..+")

Slices = tuple[slice, ...]


@dataclass(frozen=True)
class ShardLayout:
    """`tensors`: everything in the folder, by name. `sliced` says what a rank holds of a tensor."""

    spec: ModelSpec
    mesh: Mesh
    tensors: Mapping[str, Stored]

    @classmethod
    def of_spec(cls, spec: ModelSpec, mesh: Mesh) -> ShardLayout:
        """As planned, before the model is there."""
        return cls(spec, mesh, tensors_of(spec))

    @cached_property
    def stages(self) -> tuple[range, ...]:
        """The layers of each pipeline stage, balanced by bytes."""
        layers = [0] * self.spec.layers
        first = table = rest = 0
        for name, stored in self.tensors.items():
            if (found := self._layer.fullmatch(name)) is not None:
                layers[int(found[1])] += stored.bytes
            elif name.startswith(self._embedding):
                first += stored.bytes
            elif name.startswith(self._head):
                table += stored.bytes
            else:
                rest += stored.bytes
        return balanced_stages(layers, self.mesh.pipeline, first, (table if self._own_head else first) + rest)

    @cached_property
    def _own_head(self) -> bool:
        return any(name.startswith(self._head) for name in self.tensors)

    @cached_property
    def _layer(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.spec.family.names.layers) + r"\.(\d+)\.(.+)")

    @cached_property
    def _embedding(self) -> str:
        return f"{self.spec.family.names.embedding}."

    @cached_property
    def _head(self) -> str:
        return f"{self.spec.family.names.head}."

    def slices(self, name: str, shape: tuple[int, ...], at: Coordinate) -> Slices | None:
        """The part of a tensor of that shape which the rank at `at` holds; None: nothing of it."""
        if not self._is_at_stage(name, at.pipeline):
            return None
        whole = tuple(slice(0, size) for size in shape)
        if name.startswith((self._embedding, self._head)):
            rows = shape[0]
            return _cut(whole, 0, self.mesh.tensor, at.tensor) if rows % self.mesh.tensor == 0 else whole
        found = self._layer.fullmatch(name)
        if found is None:
            return whole
        module = found[2].rpartition(".")[0]
        role = self.spec.family.block.role_of(module)
        if (expert := _EXPERT.fullmatch(module)) is not None:
            return self._expert(int(expert[1]), role, whole, at)
        return _linear(role, whole, self.mesh.tensor, at.tensor)

    def held(self, at: Coordinate) -> dict[str, Slices]:
        """Every tensor that a rank holds something of."""
        parts = {name: self.slices(name, stored.shape, at) for name, stored in self.tensors.items()}
        return {name: part for name, part in parts.items() if part is not None}

    def bytes_of(self, at: Coordinate) -> int:
        """Bytes of the tensors that a rank holds, headers of files not counted."""
        return sum(size_of(part) * self.tensors[name].item_bytes for name, part in self.held(at).items())

    def _is_at_stage(self, name: str, stage: int) -> bool:
        last = self.mesh.pipeline - 1
        if (found := self._layer.fullmatch(name)) is not None:
            return int(found[1]) in self.stages[stage]
        if name.startswith(self._embedding):
            return stage == 0 or (stage == last and not self._own_head)
        return stage == last

    def _expert(self, index: int, role: Role | None, whole: Slices, at: Coordinate) -> Slices | None:
        per_part = self.spec.experts // self.mesh.experts
        if index // per_part != self.mesh.expert_part(at):
            return None
        pieces = self.mesh.tensor // self.mesh.experts
        return _linear(role, whole, pieces, at.tensor % pieces)


def _linear(role: Role | None, whole: Slices, degree: int, index: int) -> Slices:
    """A weight, its scales and zero points, or a bias: all divide in the same proportion along their dimension."""
    if role is not None and role.cut_by_outputs:
        return _cut(whole, 0, degree, index)
    if role is not None and role.cut_by_inputs and len(whole) > 1:
        return _cut(whole, 1, degree, index)
    return whole


def _cut(whole: Slices, dimension: int, degree: int, index: int) -> Slices:
    size = whole[dimension].stop
    if size % degree:
        raise ValueError(f"{size} is not divided by {degree}")  # refused by `Shard.check`
    part = size // degree
    return (*whole[:dimension], slice(index * part, (index + 1) * part), *whole[dimension + 1 :])


def size_of(part: Slices) -> int:
    """Items of a slice."""
    count = 1
    for piece in part:
        count *= piece.stop - piece.start
    return count
