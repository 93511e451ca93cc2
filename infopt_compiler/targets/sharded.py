"""What a mesh costs and gives: memory, times and throughput of a sharded decoder on a cluster, by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.efficiency import CPU, NVLINK, Efficiency
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.sharded_memory import RankMemory, activation_bytes, cache_per_token, rank_weights
from infopt_compiler.targets.sharded_stage import Rates, Seconds, Step, stage_seconds

CHUNK_TOKENS = 8192  # of prompts in one step, where requests join while others decode
_RANK_BYTES = (
    234e6  # resident in a rank of this machine before it reads weights: Python, torch, transformers' parts
)
_LOCAL = Link(1e12, 1e-6, 1e-6, "memory")


@dataclass(frozen=True)
class Load:
    """Requests of `prompt` tokens that generate `generate`. `batch`: at once, over all replicas; None: as many as memory
    allows. `requests`: in all; None: without end. `joining`: a request starts when another ends (in-flight batching, Orca,
    OSDI 2022); else a batch starts and ends together."""

    prompt: int
    generate: int
    batch: int | None = 1
    requests: int | None = None
    joining: bool = False
    kv_bytes: int | None = None

    @property
    def length(self) -> int:
        return self.prompt + self.generate


@dataclass(frozen=True)
class Price:
    """`batch`: requests of a replica at once; `memory`: of the fullest device; `exchange`, `bubble`: shares of time that
    devices spend in collectives, and idle in a pipeline; `balance`: lightest over heaviest rank, by bytes of weights.
    `throughput`: output tokens/s of all replicas."""

    mesh: Mesh
    batch: int
    memory: RankMemory
    ttft: float
    tpot: float
    latency: float
    throughput: float
    exchange: float
    bubble: float
    balance: float
    usd_per_token: float

    @property
    def per_device(self) -> float:
        return self.throughput / self.mesh.world


def cluster_of(target: Target) -> Cluster:
    """A target without one is a single device."""
    return target.cluster or Cluster(1, max(1, target.devices), _LOCAL, _LOCAL, target.source)


def efficiency_of(target: Target) -> Efficiency:
    return target.efficiency or (CPU if target.here else NVLINK)


def device_memory(target: Target, mesh: Mesh) -> float:
    """Bytes of one device; processes of this machine share its memory."""
    return target.memory_bytes / mesh.world if target.here else target.memory_bytes


def price(spec: ModelSpec, target: Target, mesh: Mesh, load: Load) -> Price | None:
    """None where not one request fits the memory of a device."""
    batch = batch_of(spec, target, mesh, load)
    if batch < 1:
        return None
    rates = rates_of(spec, target, mesh)
    if load.joining:
        found = _joining(spec, mesh, rates, load, batch)
    else:
        found = _together(spec, mesh, rates, load, batch)
    weights = rank_weights(spec, mesh)
    usd = target.usd_per_hour / 3600 / found.throughput
    memory = memory_of(spec, target, mesh, load, batch)
    return replace(found, memory=memory, balance=min(weights) / max(weights), usd_per_token=usd)


def rates_of(spec: ModelSpec, target: Target, mesh: Mesh) -> Rates:
    """Of one device. A process of this machine computes in one thread; more processes than cores share these."""
    efficiency = efficiency_of(target)
    share = 1.0 / max(mesh.world, target.cores) if target.here else 1.0
    flops = target.flops * share * efficiency.flops
    if spec.float_bytes == 4 and not target.here:
        flops /= 2  # TF32 runs at half the rate of bf16 on every NVIDIA GPU since Ampere (data sheets)
    bandwidth = target.bandwidth * share * (efficiency.alone if target.here and mesh.world == 1 else 1.0)
    weights, cache = bandwidth * efficiency.bandwidth, bandwidth * efficiency.cache
    return Rates(weights, cache, flops, cluster_of(target), efficiency, computed_bytes(spec, target))


def computed_bytes(spec: ModelSpec, target: Target) -> int:
    """Of an activation, a key, a value: processes of this machine compute in float32, whatever they store."""
    return 4 if target.here else spec.float_bytes


def memory_of(spec: ModelSpec, target: Target, mesh: Mesh, load: Load, batch: int) -> RankMemory:
    """Of the fullest device, with `batch` requests of the replica at their full length."""
    element = computed_bytes(spec, target)
    return RankMemory(
        float(max(rank_weights(spec, mesh))),
        cache_per_token(spec, mesh, load.kv_bytes or element) * load.length * batch,
        activation_bytes(spec, mesh, _tokens_at_once(load, mesh, batch), element),
        _RANK_BYTES if target.here else target.runtime_bytes,
    )


def batch_of(spec: ModelSpec, target: Target, mesh: Mesh, load: Load) -> int:
    """Requests of a replica at once: what is asked for, or what memory allows; 0 where that is too much."""
    efficiency = efficiency_of(target)
    empty = memory_of(spec, target, mesh, load, 0)
    free = device_memory(target, mesh) - empty.total
    per_request = cache_per_token(spec, mesh, load.kv_bytes or computed_bytes(spec, target)) * load.length
    if load.batch is not None:
        batch = -(-load.batch // mesh.data)
        return batch if per_request * batch <= free else 0
    most = int(free * efficiency.memory_share / per_request) if free > 0 else 0
    queued = load.requests if load.requests is not None else most
    return min(most, efficiency.most_requests, max(1, -(-queued // mesh.data)))


def _tokens_at_once(load: Load, mesh: Mesh, batch: int) -> int:
    if load.joining:
        return min(CHUNK_TOKENS, load.prompt)
    return load.prompt * -(-max(1, batch) // _microbatches(max(1, batch), mesh))


def _microbatches(batch: int, mesh: Mesh) -> int:
    """Of prompts that are computed together: one for each stage, as the runtime cuts them."""
    return min(batch, mesh.pipeline)


def _served(load: Load, mesh: Mesh, batch: int) -> int:
    """Requests of all replicas at once."""
    return mesh.data * batch if load.batch is None else load.batch


def _blank(mesh: Mesh, batch: int) -> Price:
    return Price(mesh, batch, RankMemory(0, 0, 0, 0), 0, 0, 0, 0, 0, 0, 1, 0)


def _joining(spec: ModelSpec, mesh: Mesh, rates: Rates, load: Load, batch: int) -> Price:
    """A step decodes a token of each request, and computes as many tokens of prompts as requests end for it.

    Of a finite queue full batches come first, then a last one that is not full.
    """
    cycle, exchange, bubble = _cycle(spec, mesh, rates, load, batch, joining=True)
    total = load.generate * cycle
    served = float(_served(load, mesh, batch))
    if load.requests is not None:
        queued = -(-load.requests // mesh.data)
        full, rest = divmod(queued, batch)
        last = _cycle(spec, mesh, rates, load, rest, joining=True)[0] if rest else 0.0
        total, served = load.generate * (full * cycle + last), float(load.requests)
    first = sum(s.total for s in _prompts(spec, mesh, rates, load, 1)) + cycle
    return replace(
        _blank(mesh, batch),
        ttft=first,
        tpot=cycle,
        latency=first + (load.generate - 1) * cycle,
        throughput=served * load.generate / total,
        exchange=exchange,
        bubble=bubble,
    )


def _together(spec: ModelSpec, mesh: Mesh, rates: Rates, load: Load, batch: int) -> Price:
    """All prompts in microbatches through the stages (GPipe, arXiv 1811.06965), then a token of every request at a time."""
    count = _microbatches(batch, mesh)
    stages = _prompts(spec, mesh, rates, load, batch / count)
    slowest = max(s.total for s in stages)
    first = sum(s.total for s in stages) + (count - 1) * slowest
    idle = 1 - count * sum(s.total for s in stages) / (mesh.pipeline * first)
    spent = sum(s.exchange for s in stages) / sum(s.total for s in stages) * (1 - idle)
    cycle, exchange, bubble = _cycle(spec, mesh, rates, load, batch, joining=False)
    decoding = (load.generate - 1) * cycle
    latency = first + decoding
    return replace(
        _blank(mesh, batch),
        ttft=first,
        tpot=cycle,
        latency=latency,
        throughput=_served(load, mesh, batch) * load.generate / latency,
        exchange=(spent * first + exchange * decoding) / latency,
        bubble=(idle * first + bubble * decoding) / latency,
    )


def _prompts(spec: ModelSpec, mesh: Mesh, rates: Rates, load: Load, prompts: float) -> tuple[Seconds, ...]:
    """Each stage over a microbatch of whole prompts."""
    step = Step(
        prompt_tokens=load.prompt * prompts, prompt=load.prompt, kv_bytes=load.kv_bytes or rates.float_bytes
    )
    return stage_seconds(spec, mesh, rates, step)


def _cycle(
    spec: ModelSpec, mesh: Mesh, rates: Rates, load: Load, batch: int, *, joining: bool
) -> tuple[float, float, float]:
    """Seconds until every request has its next token; shares of exchange and of idling.

    Requests go through the stages in as many groups as there are stages; fewer requests leave stages idle.
    """
    groups = min(batch, mesh.pipeline)
    rows = batch / groups
    tokens = rows * load.prompt / load.generate if joining else 0.0
    keys = load.prompt + load.generate / 2
    step = Step(rows, keys, tokens, load.prompt, load.kv_bytes or rates.float_bytes)
    stages = stage_seconds(spec, mesh, rates, step)
    whole = sum(s.total for s in stages)
    cycle = max(whole, groups * max(s.total for s in stages))
    busy = groups * whole / (mesh.pipeline * cycle)
    return cycle, busy * sum(s.exchange for s in stages) / whole, 1 - busy
