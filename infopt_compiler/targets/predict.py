"""What a model will do on a machine, by arithmetic (a roofline): predictions, and floors that nothing can beat.

Decode reads every weight once per token and the keys and values so far; each graph node adds an overhead.
Prefill computes two operations per weight and token. Source: S. Williams et al., Roofline, CACM 52(4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.model import Target

_NODES_PER_LAYER = (
    11  # 5 matrix products, attention, 2 norms, 3 of the activation: the builder's decoder graph
)
_NODES_AROUND = 8  # embedding, masks, last norm, head
_SPREAD = 2.5  # a prediction is right within this factor either way (LAB: machines drift, kernels differ)
_HEADROOM = 1.3  # a floor grants this much more bandwidth and arithmetic than was measured
_SIZE_SLACK = 0.97  # a format may round its tables a little differently than `WeightFormat` counts
_MATMUL_SHARE = 0.6  # of the matmul rate that prefill of small matrices reaches
_KV_BYTES = 4  # fp32 keys and values on CPU
_LOAD_RATE = 1e9  # bytes/s from disk to ready
_LOAD_SECONDS = 0.2


class Workload(Protocol):
    """What of a scenario enters the arithmetic (`measure.scenario.Scenario` is one)."""

    @property
    def prompt(self) -> int: ...
    @property
    def generate(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def max_length(self) -> int: ...
    @property
    def utilization(self) -> float: ...


@dataclass(frozen=True)
class Predicted:
    """A predicted value in base units, the range it may lie in, and the arithmetic in words."""

    value: float
    low: float
    high: float
    arithmetic: str


@dataclass(frozen=True)
class _Times:
    """Seconds of one prefill (all requests of the batch) and of one decode step."""

    prefill: float
    step: float
    nodes: int

    @property
    def overhead(self) -> str:
        return f"{self.nodes} nodes"


def predict(spec: ModelSpec, target: Target, scenario: Workload) -> dict[str, Predicted]:
    """Every metric that arithmetic can give, by bound name (`ttft.p95`, `throughput`, `memory.peak`, `size`)."""
    if spec.is_encoder:
        return _predict_encoder(spec, target, scenario)
    times = _times(spec, target, scenario)
    step_text = (
        f"({_mb(spec.bytes_per_token)} weights + {_mb(_kv_read(spec, scenario))} KV) / {target.bandwidth / 1e9:.3g} GB/s "
        f"+ {times.nodes} nodes x {target.node_seconds * 1e6:.3g} us"
    )
    prefill_text = f"{prefill_operations(spec, scenario) / 1e9:.3g} GFLOP / ({_MATMUL_SHARE} x {target.flops / 1e9:.4g} GFLOP/s) + nodes"
    latency = times.prefill + (scenario.generate - 1) * times.step
    rate = scenario.batch * scenario.generate / latency
    total = rate * (scenario.prompt + scenario.generate) / scenario.generate
    found = {
        **_percentiles("ttft", times.prefill, prefill_text),
        **_percentiles("prefill", times.prefill, prefill_text),
        **_percentiles("tpot", times.step, step_text),
        **_percentiles("itl", times.step, step_text),
        **_percentiles("decode", 1 / times.step, f"1 / ({step_text})"),
        **_percentiles(
            "latency", latency, f"prefill + {scenario.generate - 1} steps of {times.step * 1e3:.3g} ms"
        ),
        "throughput": _spread(rate, f"{scenario.batch} x {scenario.generate} tokens / {latency:.3g} s"),
        "throughput.total": _spread(total, "prompt tokens counted too"),
        **_percentiles("load", _load(spec), f"{_mb(spec.weight_bytes)} / {_LOAD_RATE / 1e9:.0f} GB/s"),
        "cost": _cost(target, rate, scenario.utilization),
        "mbu": _spread(
            _step_bytes(spec, scenario) / times.step / target.bandwidth, "bytes per step / step / bandwidth"
        ),
    }
    return {**found, **_memory(spec, target, scenario), **sizes(spec)}


def _predict_encoder(spec: ModelSpec, target: Target, scenario: Workload) -> dict[str, Predicted]:
    """One forward pass of a batch: every weight is read once, every token computed; nothing is generated."""
    forward = _times(spec, target, scenario).prefill
    text = f"{prefill_operations(spec, scenario) / 1e9:.3g} GFLOP / ({_MATMUL_SHARE} x {target.flops / 1e9:.4g} GFLOP/s) + nodes"
    return {
        **_percentiles("forward", forward, text),
        **_percentiles("latency", forward, text),
        "samples": _spread(scenario.batch / forward, f"{scenario.batch} / {forward:.3g} s"),
        **_percentiles("load", _load(spec), f"{_mb(spec.weight_bytes)} / {_LOAD_RATE / 1e9:.0f} GB/s"),
        **_memory(spec, target, scenario),
        **sizes(spec),
    }


def sizes(spec: ModelSpec) -> dict[str, Predicted]:
    """What needs no machine: bytes on disk and bits per weight, from shapes and formats (files around them: 5 MB)."""
    weights = float(spec.weight_bytes)
    bits = weights * 8 / spec.parameters
    return {
        "size": Predicted(
            weights + 4e6, weights, weights * 1.05 + 12e6, f"{_mb(weights)} weights + tokenizer and graph"
        ),
        "bits_per_weight": Predicted(
            bits, bits * 0.99, bits * 1.05, f"{_mb(weights)} x 8 / {spec.parameters / 1e6:.4g} M"
        ),
    }


def floor(spec: ModelSpec, target: Target, scenario: Workload) -> dict[str, float]:
    """Values that no runtime on this target can beat: lower bounds of what should be low, upper of what should be high.

    Weights are read at 1.3 times the measured bandwidth and computed at 1.3 times the measured rate, nothing else
    costs anything. Weights that fit the last-level cache prove nothing: they need not come from memory.
    """
    bandwidth, flops = target.bandwidth * _HEADROOM, target.flops * _HEADROOM
    from_memory = max(0.0, spec.bytes_per_token - target.cache_bytes)
    step = from_memory / bandwidth
    # One position in each prompt needs the head; integer kernels may do four operations where fp32 does one.
    operations = 2.0 * spec.linear_parameters * scenario.prompt * scenario.batch
    prefill = max(operations / (flops * 4), from_memory / bandwidth)
    latency = prefill + max(0, scenario.generate - 1) * step
    weights = spec.weight_bytes * _SIZE_SLACK
    found = {"size": weights, "bits_per_weight": weights * 8 / spec.parameters}
    found["memory.peak"] = found["memory.steady"] = spec.bytes_per_token * _SIZE_SLACK
    aggregates = ("mean", "p50", "p90", "p95", "p99", "max")
    for metric, value in (
        ("ttft", prefill),
        ("prefill", prefill),
        ("tpot", step),
        ("itl", step),
        ("latency", latency),
        *((("forward", prefill),) if spec.is_encoder else ()),
    ):
        found.update({f"{metric}.{aggregate}": value for aggregate in aggregates})
    if spec.is_encoder:
        found["samples"] = scenario.batch / prefill
    if step > 0 and not spec.is_encoder and scenario.generate:
        found.update({f"decode.{aggregate}": 1 / step for aggregate in aggregates})
        rate = scenario.batch * scenario.generate / latency
        found["throughput"] = rate
        found["throughput.total"] = rate * (scenario.prompt + scenario.generate) / scenario.generate
        found["cost"] = target.usd_per_hour / (rate * 3600 * scenario.utilization) * 1e6
    return found


def _times(spec: ModelSpec, target: Target, scenario: Workload) -> _Times:
    nodes = spec.layers * _NODES_PER_LAYER + _NODES_AROUND
    overhead = nodes * target.node_seconds
    read = spec.bytes_per_token / target.bandwidth
    operations = 2.0 * (spec.linear_parameters + spec.head_parameters) * scenario.batch
    step = max(_step_bytes(spec, scenario) / target.bandwidth, operations / (target.flops * _MATMUL_SHARE))
    prefill = max(read, prefill_operations(spec, scenario) / (target.flops * _MATMUL_SHARE))
    return _Times(prefill + overhead, step + overhead, nodes)


def prefill_operations(spec: ModelSpec, scenario: Workload) -> float:
    """Linears over every prompt token, attention's two products, the head once per request."""
    linears = 2.0 * spec.linear_parameters * scenario.prompt
    attention = 2.0 * spec.layers * spec.heads * spec.head_dim * scenario.prompt**2
    return (linears + attention + 2.0 * spec.head_parameters) * scenario.batch


def _kv_read(spec: ModelSpec, scenario: Workload) -> float:
    """Keys and values read at the middle of the generation, all requests of the batch."""
    return float(spec.kv_bytes(scenario.prompt + scenario.generate // 2, _KV_BYTES) * scenario.batch)


def _step_bytes(spec: ModelSpec, scenario: Workload) -> float:
    return spec.bytes_per_token + _kv_read(spec, scenario)


def _memory(spec: ModelSpec, target: Target, scenario: Workload) -> dict[str, Predicted]:
    cache = float(spec.kv_bytes(scenario.max_length, _KV_BYTES) * scenario.batch)
    # Logits of all prompt positions, unless the head is pruned: the upper end of the range counts them.
    logits = 0.0 if spec.is_encoder else 4.0 * spec.vocabulary * scenario.prompt * scenario.batch
    value = spec.weight_bytes + cache + target.runtime_bytes
    text = f"{_mb(spec.weight_bytes)} weights + {_mb(cache)} KV + {_mb(target.runtime_bytes)} runtime"
    high = value * 1.5 + 2 * logits
    return {
        "memory.peak": Predicted(
            value + logits / 2, float(spec.bytes_per_token), high, text + f" + {_mb(logits / 2)} logits"
        ),
        "memory.steady": Predicted(value, float(spec.bytes_per_token), high, text),
    }


def _load(spec: ModelSpec) -> float:
    return spec.weight_bytes / _LOAD_RATE + _LOAD_SECONDS


def _cost(target: Target, rate: float, utilization: float) -> Predicted:
    usd = target.usd_per_hour / (rate * 3600 * utilization) * 1e6
    return _spread(usd, f"{target.usd_per_hour} USD/h / ({rate:.4g} tok/s x 3600 x {utilization:g}) x 10^6")


def _percentiles(metric: str, value: float, arithmetic: str) -> dict[str, Predicted]:
    """Arithmetic knows no jitter: the tail aggregates get the same value and the same wide range."""
    aggregates = ("mean", "p50", "p90", "p95", "p99", "max")
    return {f"{metric}.{aggregate}": _spread(value, arithmetic) for aggregate in aggregates}


def _spread(value: float, arithmetic: str) -> Predicted:
    return Predicted(value, value / _SPREAD, value * _SPREAD, arithmetic)


def _mb(count: float) -> str:
    return f"{count / 1e6:.4g} MB"
