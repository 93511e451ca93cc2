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

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Coordinate, Mesh
from infopt_compiler.passes.shard.tensors import Stored, tensors_of
from infopt_compiler.targets.stages import balanced_stages

EMBEDDING, HEAD, NORM = "model.embed_tokens.", "lm_head.", "model.norm."
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")
_EXPERT = re.compile(r"(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.(\w+)")
_BY_OUTPUTS = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "w1", "w3")
_BY_INPUTS = ("o_proj", "down_proj", "w2")

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
        ends = {EMBEDDING: 0, HEAD: 0, NORM: 0}
        for name, stored in self.tensors.items():
            if (found := _LAYER.fullmatch(name)) is not None:
                layers[int(found[1])] += stored.bytes
            for prefix in ends:
                ends[prefix] += stored.bytes if name.startswith(prefix) else 0
        table = ends[HEAD] if self._own_head else ends[EMBEDDING]
        return balanced_stages(layers, self.mesh.pipeline, ends[EMBEDDING], table + ends[NORM])

    @cached_property
    def _own_head(self) -> bool:
        return any(name.startswith(HEAD) for name in self.tensors)

    def slices(self, name: str, shape: tuple[int, ...], at: Coordinate) -> Slices | None:
        """The part of a tensor of that shape which the rank at `at` holds; None: nothing of it."""
        if not self._is_at_stage(name, at.pipeline):
            return None
        whole = tuple(slice(0, size) for size in shape)
        if name.startswith((EMBEDDING, HEAD)):
            rows = shape[0]
            return _cut(whole, 0, self.mesh.tensor, at.tensor) if rows % self.mesh.tensor == 0 else whole
        found = _LAYER.fullmatch(name)
        if found is None:
            return whole
        if (expert := _EXPERT.fullmatch(found[2])) is not None:
            return self._expert(int(expert[1]), expert[2], whole, at)
        module = found[2].split(".")[-2] if "." in found[2] else ""
        return _linear(module, whole, self.mesh.tensor, at.tensor)

    def held(self, at: Coordinate) -> dict[str, Slices]:
        """Every tensor that a rank holds something of."""
        parts = {name: self.slices(name, stored.shape, at) for name, stored in self.tensors.items()}
        return {name: part for name, part in parts.items() if part is not None}

    def bytes_of(self, at: Coordinate) -> int:
        """Bytes of the tensors that a rank holds, headers of files not counted."""
        return sum(size_of(part) * self.tensors[name].item_bytes for name, part in self.held(at).items())

    def _is_at_stage(self, name: str, stage: int) -> bool:
        last = self.mesh.pipeline - 1
        if (found := _LAYER.fullmatch(name)) is not None:
            return int(found[1]) in self.stages[stage]
        if name.startswith(EMBEDDING):
            return stage == 0 or (stage == last and not self._own_head)
        return stage == last

    def _expert(self, index: int, module: str, whole: Slices, at: Coordinate) -> Slices | None:
        per_part = self.spec.experts // self.mesh.experts
        if index // per_part != self.mesh.expert_part(at):
            return None
        pieces = self.mesh.tensor // self.mesh.experts
        return _linear(module, whole, pieces, at.tensor % pieces)


def _linear(module: str, whole: Slices, degree: int, index: int) -> Slices:
    """A weight, its scales and zero points, or a bias: all divide in the same proportion along their dimension."""
    if module in _BY_OUTPUTS:
        return _cut(whole, 0, degree, index)
    if module in _BY_INPUTS and len(whole) > 1:
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
