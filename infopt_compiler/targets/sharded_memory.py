"""Bytes of each rank of a sharded decoder: the same arithmetic as `passes.shard.layout`, without listing tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.stages import balanced_stages


@dataclass(frozen=True)
class RankMemory:
    """Bytes of a device by part."""

    weights: float
    cache: float
    activations: float
    runtime: float

    @property
    def total(self) -> float:
        return self.weights + self.cache + self.activations + self.runtime


@cache
def layer_bytes(spec: ModelSpec, tensor: int = 1) -> int:
    """Of one layer on one of `tensor` ranks; experts are dealt out or cut, which comes to the same."""
    linears = sum(
        _matrix_bytes(rows, columns, spec.linear, spec.float_bytes, tensor)
        for rows, columns in spec.linear_shapes().values()
    )
    floats = sum(
        prod(shape) // _bias_parts(spec, name, tensor) for name, shape in spec.float_shapes().items()
    )
    return linears + floats * spec.float_bytes


def _bias_parts(spec: ModelSpec, name: str, tensor: int) -> int:
    """A bias is cut with the outputs of its linear; all else that stays in floats is whole on every rank."""
    module, _, leaf = name.rpartition(".")
    role = spec.family.block.role_of(module)
    return tensor if leaf == "bias" and role is not None and role.cut_by_outputs else 1


def _matrix_bytes(rows: int, columns: int, stored: WeightFormat, float_bytes: int, parts: int) -> int:
    """Of one of `parts` equal cuts; exact where `passes.shard.degrees` lets the cut pass."""
    if stored.bits >= 16:
        return rows * columns * float_bytes // parts
    groups = columns // stored.group if stored.group else 1
    zeros = 0 if stored.symmetric else rows * -(-groups * stored.bits // 8)
    return (rows * columns * stored.bits // 8 + rows * groups * 4 + zeros) // parts


def table_parts(spec: ModelSpec, tensor: int) -> int:
    """Into how many parts the tables over the vocabulary are cut."""
    return tensor if spec.vocabulary % tensor == 0 else 1


@cache
def embedding_bytes(spec: ModelSpec, tensor: int = 1) -> int:
    """The embedding's table is stored as floats, whatever its integers are."""
    return spec.vocabulary * spec.hidden * spec.float_bytes // table_parts(spec, tensor)


@cache
def head_bytes(spec: ModelSpec, tensor: int = 1) -> int:
    """The head's own table; of a tied float head the embedding's."""
    if spec.tied and spec.head.bits >= 16:
        return embedding_bytes(spec, tensor)
    parts = table_parts(spec, tensor)
    return _matrix_bytes(spec.vocabulary, spec.hidden, spec.head, spec.float_bytes, parts)


@cache
def stages_of(spec: ModelSpec, pipeline: int) -> tuple[int, ...]:
    """Layers of each stage, as `ShardLayout.stages` cuts them."""
    last = head_bytes(spec) + spec.hidden * spec.float_bytes
    found = balanced_stages([layer_bytes(spec)] * spec.layers, pipeline, embedding_bytes(spec), last)
    return tuple(len(stage) for stage in found)


@cache
def rank_weights(spec: ModelSpec, mesh: Mesh) -> tuple[int, ...]:
    """Bytes of weights on a rank of each pipeline stage; ranks of one stage hold equally much."""
    held = [count * layer_bytes(spec, mesh.tensor) for count in stages_of(spec, mesh.pipeline)]
    shared = mesh.pipeline == 1 and spec.tied and spec.head.bits >= 16
    held[0] += embedding_bytes(spec, mesh.tensor)
    held[-1] += (0 if shared else head_bytes(spec, mesh.tensor)) + spec.hidden * spec.float_bytes
    return tuple(held)


def stored_bytes(spec: ModelSpec, mesh: Mesh) -> int:
    """Of all shards on disk: ranks that differ in `data` or `sequence` share theirs."""
    return mesh.tensor * sum(rank_weights(spec, mesh))


def cache_per_token(spec: ModelSpec, mesh: Mesh, element_bytes: int) -> float:
    """Bytes of keys and values of a token on the rank with most layers; a sequence group deals the positions out."""
    layers = max(stages_of(spec, mesh.pipeline))
    return 2.0 * layers * spec.kv_heads * spec.head_dim * element_bytes / (mesh.tensor * mesh.sequence)


def activation_bytes(spec: ModelSpec, mesh: Mesh, tokens: int, element_bytes: int) -> float:
    """Of a forward pass over `tokens` positions: residual stream and the widest products, and logits of one position.

    Between the layers' blocks a tensor group holds the stream divided by positions where it computes whole sequences
    (Megatron's sequence parallelism, arXiv 2205.05198, section 4.2), so all of it divides.
    """
    width = 4 * spec.hidden + 2 * spec.intermediate + 2 * spec.heads * spec.head_dim
    here = -(-tokens // mesh.sequence)
    return float(element_bytes) * (here * width / mesh.tensor + 2 * spec.vocabulary)
