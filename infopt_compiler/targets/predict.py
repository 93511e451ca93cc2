"""What a model will do on a machine, by arithmetic: every metric that shapes, formats and the machine's constants give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.memory import KV_BYTES, memory_bytes
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.predicted import Predicted
from infopt_compiler.targets.roofline import roofline_prefill, roofline_step
from infopt_compiler.targets.sharded_predict import predict_sharded
from infopt_compiler.targets.timed import (
    Rates,
    cache_seconds,
    kernels_of,
    prefill_seconds,
    step_seconds,
    text_seconds,
)

_TIMED, _ROOFLINE = (
    1.4,
    2.5,
)  # a prediction is right within this factor either way: from kernels, from a roofline
_MEMORY = 1.15
_LOAD_RATE = 1e9  # bytes/s from disk to ready
_LOAD_SECONDS = 0.2
_AGGREGATES = ("mean", "p50", "p90", "p95", "p99", "max")


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
    @property
    def prompts(self) -> str | None: ...


@dataclass(frozen=True)
class _Times:
    """Seconds of one forward pass over the prompts and of one decode step, how, and how far off they may be. `start`: of
    setting up a request's keys and values, in front of it."""

    prefill: float
    prefill_text: str
    step: float
    step_text: str
    factor: float
    start: float = 0.0

    def percentiles(self, metric: str, value: float, arithmetic: str) -> dict[str, Predicted]:
        """Arithmetic knows no jitter: the tail aggregates get the same value and the same range."""
        return {f"{metric}.{aggregate}": self.spread(value, arithmetic) for aggregate in _AGGREGATES}

    def spread(self, value: float, arithmetic: str) -> Predicted:
        return Predicted(value, value / self.factor, value * self.factor, arithmetic)


def predict(
    spec: ModelSpec, target: Target, scenario: Workload, kernels: Rates | None = None
) -> dict[str, Predicted]:
    """Every metric that arithmetic can give, by bound name (`ttft.p95`, `throughput`, `memory.peak`, `size`).

    `kernels`: times of the kernels of this machine (`rates.kernel_rates`); without them a roofline of the target's
    bandwidth and operations must do.
    """
    if spec.mesh is not None:
        return {**sizes(spec), **predict_sharded(spec, target, scenario)}
    times = _times(spec, target, scenario, kernels)
    found = _decoder(spec, target, scenario, times) if spec.family.generates else _encoder(times, scenario)
    load = spec.weight_bytes / _LOAD_RATE + _LOAD_SECONDS
    text = f"{_mb(spec.weight_bytes)} / {_LOAD_RATE / 1e9:.0f} GB/s"
    loads = {f"load.{name}": _within(load, _ROOFLINE, text) for name in _AGGREGATES}
    return {**found, **loads, **_memory(spec, target, scenario), **sizes(spec)}


def _times(spec: ModelSpec, target: Target, scenario: Workload, kernels: Rates | None) -> _Times:
    keys = scenario.prompt + scenario.generate // 2
    if kernels is None or any(kind not in kernels for kind in kernels_of(spec, target)):
        prefill, prefill_text = roofline_prefill(spec, target, scenario.prompt, scenario.batch)
        step, step_text = roofline_step(spec, target, keys, scenario.batch)
        return _Times(prefill, prefill_text, step, step_text, _ROOFLINE)
    rows = scenario.prompt * scenario.batch
    prefill = prefill_seconds(spec, target, kernels, scenario.prompt, scenario.batch)
    text = f"{spec.layers} layers of kernels timed here at {rows} rows"
    if not spec.family.generates:
        return _Times(prefill, text, 0.0, "", _TIMED)
    step = step_seconds(spec, target, kernels, keys, scenario.batch)
    step_text = (
        f"{spec.layers} layers of kernels timed here at {scenario.batch} rows and {keys} keys, and the head"
    )
    start = cache_seconds(float(spec.kv_bytes(scenario.max_length, KV_BYTES) * scenario.batch))
    return _Times(prefill, text + ", and the head", step, step_text, _TIMED, start)


def _decoder(spec: ModelSpec, target: Target, scenario: Workload, times: _Times) -> dict[str, Predicted]:
    if (
        scenario.generate < 1
    ):  # a decoder that is only asked to read: no rate of output tokens, no price of one
        read_only = ("ttft", "prefill", "latency")
        return {
            k: v
            for name in read_only
            for k, v in times.percentiles(name, times.prefill, times.prefill_text).items()
        }
    first, first_text = times.start + times.prefill, times.prefill_text
    if times.start:
        first_text += f", and {times.start * 1e3:.2g} ms to set up keys and values"
    latency = first + (scenario.generate - 1) * times.step
    whole = f"first token + {scenario.generate - 1} steps of {times.step * 1e3:.3g} ms"
    rate = scenario.batch * scenario.generate / latency
    total = rate * (scenario.prompt + scenario.generate) / scenario.generate
    keys = scenario.prompt + scenario.generate // 2
    read = spec.bytes_per_token + float(spec.kv_bytes(keys, KV_BYTES) * scenario.batch)
    usd = target.usd_per_hour / (rate * 3600 * scenario.utilization) * 1e6
    price = f"{target.usd_per_hour} USD/h / ({rate:.4g} tok/s x 3600 x {scenario.utilization:g}) x 10^6"
    return {
        **times.percentiles("ttft", first, first_text),
        **times.percentiles("prefill", first, first_text),
        **times.percentiles("tpot", times.step, times.step_text),
        **times.percentiles("itl", times.step, times.step_text),
        **times.percentiles("decode", 1 / times.step, f"1 / ({times.step_text})"),
        **times.percentiles("latency", latency, whole),
        "throughput": times.spread(rate, f"{scenario.batch} x {scenario.generate} tokens / {latency:.3g} s"),
        "throughput.total": times.spread(total, "prompt tokens counted too"),
        "cost": times.spread(usd, price),
        "mbu": times.spread(read / times.step / target.bandwidth, "bytes per step / step / bandwidth"),
    }


def _encoder(times: _Times, scenario: Workload) -> dict[str, Predicted]:
    """One forward pass of a batch: every weight is read once, every token computed; nothing is generated."""
    text = text_seconds(scenario.prompt, scenario.batch)
    latency = times.prefill + text
    words = f"{times.prefill_text}, and the tokenizer's {text * 1e3:.2g} ms"
    return {
        **times.percentiles("forward", times.prefill, times.prefill_text),
        **times.percentiles("latency", latency, words),
        "samples": times.spread(scenario.batch / latency, f"{scenario.batch} / {latency:.3g} s"),
    }


def _memory(spec: ModelSpec, target: Target, scenario: Workload) -> dict[str, Predicted]:
    steady, peak, text = memory_bytes(spec, target, scenario.prompt, scenario.max_length, scenario.batch)
    return {"memory.peak": _within(peak, _MEMORY, text), "memory.steady": _within(steady, _MEMORY, text)}


def sizes(spec: ModelSpec) -> dict[str, Predicted]:
    """What needs no machine: bytes on disk and bits per weight, from shapes and formats. Around them are tokenizer and
    graph, and of a decoder sines and cosines for every position."""
    weights = float(spec.weight_bytes)
    bits = weights * 8 / spec.parameters
    around = 1.9e6 + 4.0 * spec.context * spec.head_dim if spec.family.generates else 0.7e6
    return {
        "size": Predicted(
            weights + around, weights, weights * 1.05 + 12e6, f"{_mb(weights)} weights + tokenizer and graph"
        ),
        "bits_per_weight": Predicted(
            bits, bits * 0.99, bits * 1.05, f"{_mb(weights)} x 8 / {spec.parameters / 1e6:.4g} M"
        ),
    }


def _within(value: float, factor: float, arithmetic: str) -> Predicted:
    return Predicted(value, value / factor, value * factor, arithmetic)


def _mb(count: float) -> str:
    return f"{count / 1e6:.4g} MB"
