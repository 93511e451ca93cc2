"""Seconds of one pipeline stage of a sharded decoder: reading, computing, and what its tensor and sequence groups exchange.

Work of a stage divides by the tensor degree; two all-reduces in each layer put it together (Megatron-LM, arXiv 1909.08053,
section 3; as reduce-scatter and all-gather the volume is the same, arXiv 2205.05198). A sequence group divides the positions
of prompts and gathers keys and values (arXiv 2310.01889 passes them on in a ring, the volume is the same). A decoded token
has nothing to divide but what it attends to: each of the group does that for the keys it holds, and the results are merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.efficiency import Efficiency
from infopt_compiler.targets.sharded_memory import cache_per_token, head_bytes, layer_bytes, stages_of

_CHOSEN_BYTES = 16  # of a token: its logit and which it is


@dataclass(frozen=True)
class Rates:
    """What a device reaches: bytes/s of weights and of keys and values, operations/s; and the cluster that joins it.
    `float_bytes`: of a number that is computed: of the stream, a key, a value."""

    weights: float
    cache: float
    flops: float
    cluster: Cluster
    efficiency: Efficiency
    float_bytes: int

    def link(self, mesh: Mesh, axis: str) -> Link:
        """With the share of its bandwidth that is reached."""
        link = self.cluster.link_of(mesh, axis)
        return Link(link.bandwidth * self.efficiency.link, link.hop_seconds, link.start_seconds, link.name)


@dataclass(frozen=True)
class Step:
    """What a stage computes in one go: `rows` tokens being decoded, each attending to `keys`; `prompt_tokens` of prompts of
    `prompt` tokens."""

    rows: float = 0.0
    keys: float = 0.0
    prompt_tokens: float = 0.0
    prompt: int = 0
    kv_bytes: int = 2


@dataclass(frozen=True)
class _Stage:
    """`first` embeds, `last` has the head."""

    layers: int
    first: bool
    last: bool


@dataclass(frozen=True)
class Seconds:
    work: float
    exchange: float

    @property
    def total(self) -> float:
        return self.work + self.exchange


def stage_seconds(spec: ModelSpec, mesh: Mesh, rates: Rates, step: Step) -> tuple[Seconds, ...]:
    """Of every pipeline stage; equal ones are computed once."""
    counts = stages_of(spec, mesh.pipeline)
    last = len(counts) - 1
    stages = [_Stage(count, k == 0, k == last) for k, count in enumerate(counts)]
    known = {
        stage: Seconds(_work(spec, mesh, rates, step, stage), _exchange(spec, mesh, rates, step, stage))
        for stage in dict.fromkeys(stages)
    }
    return tuple(known[stage] for stage in stages)


def _work(spec: ModelSpec, mesh: Mesh, rates: Rates, step: Step, stage: _Stage) -> float:
    efficiency, layers, with_head = rates.efficiency, stage.layers, stage.last
    share = layers / spec.layers
    active = _active_parameters(spec) * share
    decoding = prompts = 0.0
    if step.rows:
        head = spec.head_parameters if with_head else 0
        read = _read(spec, mesh, layers, step.rows) + (head_bytes(spec, mesh.tensor) if with_head else 0)
        computed = 2 * (active + head) * efficiency.padded(step.rows) / mesh.tensor
        reached = rates.weights * (efficiency.one_row if step.rows <= 1 else 1.0)
        decoding = max(read / reached, computed / rates.flops)
        held = cache_per_token(spec, mesh, step.kv_bytes) * layers / max(stages_of(spec, mesh.pipeline))
        decoding += step.rows * step.keys * held / rates.cache + step.rows * efficiency.token_seconds
    if step.prompt_tokens:
        here = step.prompt_tokens / mesh.sequence
        attention = 2.0 * layers * spec.heads * spec.head_dim * step.prompt * efficiency.attention
        prompts = (2 * active + attention) * here / mesh.tensor / rates.flops
        if not step.rows:
            prompts = max(prompts, _read(spec, mesh, layers, here) / rates.weights)
        if with_head and not step.rows:  # of the last position of each prompt; with rows it is among theirs
            ends = step.prompt_tokens / step.prompt
            computed = 2 * spec.head_parameters * ends / mesh.tensor / rates.flops
            prompts += max(computed, head_bytes(spec, mesh.tensor) / rates.weights)
    return decoding + prompts + layers * efficiency.layer_seconds


def _read(spec: ModelSpec, mesh: Mesh, layers: int, rows: float) -> float:
    """Bytes of weights that so many tokens need: of a mixture the experts that at least one of them takes, routed evenly."""
    whole = float(layers * layer_bytes(spec, mesh.tensor))
    if not spec.experts:
        return whole
    taken = 1 - float((1 - spec.experts_per_token / spec.experts) ** rows)
    return whole * (1 - _expert_share(spec) * (1 - taken))


@cache
def _expert_share(spec: ModelSpec) -> float:
    experts = 3 * spec.experts * spec.hidden * spec.intermediate
    return experts / (spec.linear_parameters / spec.layers)


@cache
def _active_parameters(spec: ModelSpec) -> float:
    return spec.linear_parameters * spec.active_share


def _exchange(spec: ModelSpec, mesh: Mesh, rates: Rates, step: Step, stage: _Stage) -> float:
    """Over the tensor group two all-reduces a layer, one of the embedded rows and a gather of the chosen tokens; over the
    sequence group keys and values of a prompt, and of a decoded token its parts, their maxima and sums; a hop onwards."""
    here = step.rows + step.prompt_tokens / mesh.sequence
    stream = here * spec.hidden * rates.float_bytes
    tensor = rates.link(mesh, "tensor")
    seconds = (2 * stage.layers + stage.first) * tensor.all_reduce(mesh.tensor, stream)
    ends = step.rows or step.prompt_tokens / step.prompt
    seconds += stage.last * tensor.all_gather(mesh.tensor, ends * mesh.tensor * _CHOSEN_BYTES)
    seconds += stage.layers * _sequence_exchange(spec, mesh, rates, step)
    if mesh.pipeline > 1:
        seconds += rates.link(mesh, "pipeline").send(stream)  # each of a tensor group sends all of it
    return seconds


def _sequence_exchange(spec: ModelSpec, mesh: Mesh, rates: Rates, step: Step) -> float:
    """Of one layer."""
    seconds, link = 0.0, rates.link(mesh, "sequence")
    if step.prompt_tokens:
        each = step.prompt_tokens * spec.kv_heads * spec.head_dim * step.kv_bytes / mesh.tensor
        seconds += 2 * link.all_gather(mesh.sequence, each)
    if step.rows:
        heads = step.rows * spec.heads / mesh.tensor * mesh.sequence * rates.float_bytes
        seconds += link.all_gather(mesh.sequence, heads * spec.head_dim)
        seconds += 2 * link.all_gather(mesh.sequence, heads)
    return seconds
