"""What a rank on CPU will hold beyond its imports, by arithmetic: held against every run of the proof."""

from __future__ import annotations

from dataclasses import dataclass

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Coordinate, Mesh

from .attention import QUERY_BLOCK
from .generate import LOGIT_POSITIONS
from .matrices import SLAB_VALUES

FLOAT_BYTES = 4  # activations, keys and values on CPU
# torch's kernels and buffers of gloo, loaded when first used: a model of no size takes as much (measured: 15 to 18 MB)
RUNTIME_BYTES = 17_000_000


@dataclass(frozen=True)
class Load:
    """`rows` of prompts of at most `prompt` tokens, `tokens` generated for each; `logits`: all are written out."""

    rows: int
    prompt: int
    tokens: int
    logits: bool = False


def rank_bytes(
    spec: ModelSpec, mesh: Mesh, at: Coordinate, layers: int, weights: int, load: Load
) -> dict[str, int]:
    """Bytes by part, and their `total`: `weights` and `layers` are what the rank's shard holds."""
    rows = -(-load.rows // mesh.data)
    chunk = -(-load.prompt // mesh.sequence)
    slots = chunk + -(-load.tokens // mesh.sequence)
    heads = spec.kv_heads // mesh.tensor
    batch = -(-rows // min(rows, mesh.pipeline))  # of a microbatch
    parts = {
        "weights": weights,
        "cache": 2 * layers * rows * heads * slots * spec.head_dim * FLOAT_BYTES,
        "working": max(_prefill(spec, mesh, batch, chunk), _logits(spec, mesh, at, batch, load)),
        "runtime": RUNTIME_BYTES,
    }
    return {**parts, "total": sum(parts.values())}


def _prefill(spec: ModelSpec, mesh: Mesh, batch: int, chunk: int) -> int:
    """The stream, its norm, and what is widest at once: scores of a block of queries, or gate, up and their product."""
    tokens, keys = batch * chunk, chunk * mesh.sequence
    stream = 3 * tokens * spec.hidden
    scores = 2 * batch * (spec.heads // mesh.tensor) * min(chunk, QUERY_BLOCK) * keys
    gathered = 4 * batch * keys * (spec.kv_heads // mesh.tensor) * spec.head_dim if mesh.sequence > 1 else 0
    network = 4 * tokens * spec.intermediate // mesh.tensor
    floats = 0
    if spec.linear.bits < 16:
        floats = 2 * min(SLAB_VALUES, spec.hidden * spec.intermediate // mesh.tensor)
    return FLOAT_BYTES * (stream + max(scores + gathered, network + floats))


def _logits(spec: ModelSpec, mesh: Mesh, at: Coordinate, batch: int, load: Load) -> int:
    """A block of columns, the parts of the tensor group, gloo's copy of them and the whole; without a record, the last column's part."""
    if at.pipeline < mesh.pipeline - 1:
        return 0
    positions = max(LOGIT_POSITIONS, batch) if load.logits else batch
    part = positions * spec.vocabulary // mesh.tensor
    gathered = 3 * positions * spec.vocabulary if load.logits and mesh.tensor > 1 else 0
    floats = 2 * SLAB_VALUES if spec.head.bits < 16 else 0
    return FLOAT_BYTES * (part + gathered + floats)
