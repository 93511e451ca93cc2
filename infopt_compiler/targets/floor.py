"""What nothing can beat: floors of a model on a machine, by the bytes that must be read and the operations alone."""

from __future__ import annotations

from dataclasses import replace

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.predict import Workload

_HEADROOM = 1.3  # a floor grants this much more bandwidth and arithmetic than was measured
_DISTURBED = (
    10.0  # and this much where others used the machine meanwhile: two burning processes were seen to cost 8.6
)
_SIZE_SLACK = 0.97  # a format may round its tables a little differently than `WeightFormat` counts


def floor(spec: ModelSpec, target: Target, scenario: Workload) -> dict[str, float]:
    """Values that no runtime on this target can beat: lower bounds of what should be low, upper of what should be high.

    Weights are read at 1.3 times the measured bandwidth and computed at 1.3 times the measured rate (10 times where the
    probe was disturbed), nothing else costs anything. Weights that fit the last-level cache prove nothing: they need not come from memory.
    """
    ranks = spec.mesh.world if spec.mesh is not None and not target.here else 1
    target = replace(target, cache_bytes=target.cache_bytes * ranks)
    headroom = (_DISTURBED if target.disturbed else _HEADROOM) * ranks
    bandwidth, flops = target.bandwidth * headroom, target.flops * headroom
    from_memory = max(0.0, spec.bytes_per_token - target.cache_bytes)
    step = from_memory / bandwidth
    # One position in each prompt needs the head; integer kernels may do four operations where fp32 does one.
    # Prompts from data are as long as they are, up to `prompt`: nothing but one token is sure.
    tokens = 1 if scenario.prompts is not None else scenario.prompt
    operations = 2.0 * spec.linear_parameters * tokens * scenario.batch
    prefill = max(operations / (flops * 4), from_memory / bandwidth)
    latency = prefill + max(0, scenario.generate - 1) * step
    weights = spec.weight_bytes * _SIZE_SLACK
    found = {"size": weights, "bits_per_weight": weights * 8 / spec.parameters}
    found["memory.peak"] = found["memory.steady"] = spec.bytes_per_token * _SIZE_SLACK / ranks
    aggregates = ("mean", "p50", "p90", "p95", "p99", "max")
    for metric, value in (
        ("ttft", prefill),
        ("prefill", prefill),
        ("tpot", step),
        ("itl", step),
        ("latency", latency),
        *(() if spec.family.generates else (("forward", prefill),)),
    ):
        found.update({f"{metric}.{aggregate}": value for aggregate in aggregates})
    if not spec.family.generates:
        found["samples"] = scenario.batch / prefill
    if step > 0 and spec.family.generates and scenario.generate:
        found.update({f"decode.{aggregate}": 1 / step for aggregate in aggregates})
        rate = _at_once(spec, target, scenario) * scenario.generate / latency
        found["throughput"] = rate
        found["throughput.total"] = rate * (scenario.prompt + scenario.generate) / scenario.generate
        found["cost"] = target.usd_per_hour / (rate * 3600 * scenario.utilization) * 1e6
    return found


def _at_once(spec: ModelSpec, target: Target, scenario: Workload) -> float:
    """Requests that a pass over the weights can serve: those of a sharded model whose keys and values memory holds."""
    if spec.mesh is None:
        return scenario.batch
    per_request = spec.kv_bytes(scenario.prompt + scenario.generate, spec.float_bytes)
    return max(1.0, target.memory_bytes * target.devices / max(1, per_request))
