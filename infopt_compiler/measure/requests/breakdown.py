"""What lies behind the values of a report: samples, where a request's time goes, what memory holds, the roofline.

All of it is plain data for report.json. Seconds, bytes, operations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from infopt_compiler.artifacts import Artifact, ModelSpec
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.serving.machine_state import machine_state
from infopt_compiler.measure.serving.samples import SERVED_METRICS, Block, BlockSamples
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target, predict, seconds_at_peak
from infopt_compiler.targets.roofline import Prompts, prefill_parts

SamplesOf = dict[str, BlockSamples]  # of the subject and of what it is compared with
_SHOWN = ("ttft", "tpot", "itl", "latency", "forward")
_MOST_SAMPLES = 1000
_FIRST = 512  # tokens, then twice that and so on, of `kv_by_context`
_MEASURED = (
    "measured: the runtime before the artifact is opened, what opening it added, what requests added; "
    "the KV cache is the counted part of the last, in fp32"
)
_WITHOUT_KV = (
    "measured: the runtime before the artifact is opened, what opening it added, what requests added"
)


def breakdown(job: Job, scenario: Scenario, samples_of: SamplesOf) -> dict[str, Any]:
    """The keys `distributions`, `timeline`, `memory`, `roofline`, `machine_state` and `scenario_settings` of a row of `measured`."""
    environment = samples_of[job.name].environment
    found = {
        "distributions": {name: _distributions(samples) for name, samples in samples_of.items()},
        "timeline": {name: _timeline(samples) for name, samples in samples_of.items() if gaps_of(samples)},
        "memory": {name: memory_row(job, scenario, name, samples) for name, samples in samples_of.items()},
        "roofline": roofline(job, samples_of),
        "machine_state": machine_state(
            samples_of, environment.get("machine_before", {}), environment.get("machine_load", [])
        ),
        "scenario_settings": asdict(scenario),
    }
    return {key: value for key, value in found.items() if value}


def thinned(values: Sequence[float], most: int = _MOST_SAMPLES) -> list[float]:
    """At most `most` of the sorted values, spread evenly over their ranks, the ends among them; 6 digits."""
    ordered = sorted(values)
    if len(ordered) > most:
        step = (len(ordered) - 1) / (most - 1)
        ordered = [ordered[round(rank * step)] for rank in range(most)]
    return [float(f"{value:.6g}") for value in ordered]


def _distributions(samples: BlockSamples) -> dict[str, list[float]]:
    found = {metric: thinned(samples.pooled(metric)) for metric in _SHOWN if metric in SERVED_METRICS}
    return {metric: values for metric, values in found.items() if values}


def _timeline(samples: BlockSamples) -> dict[str, Any]:
    """A mean request: its prefill, then the gap in front of each further token."""
    gaps = gaps_of(samples)
    longest = max(map(len, gaps))
    by_position = [fmean(row[index] for row in gaps if len(row) > index) for index in range(longest)]
    return {
        "prefill_seconds": fmean(samples.pooled("prefill")),
        "token_seconds": [float(f"{value:.6g}") for value in by_position],
        "load_seconds": fmean(samples.pooled("load")),
    }


def memory_row(job: Job, scenario: Scenario, name: str, samples: BlockSamples) -> dict[str, Any]:
    """The process with the highest peak: runtime (`bare`), what opening the artifact added, what requests added on top.

    `kv_bytes` is counted from the shapes and lies within what requests added; `other_bytes` is the rest of that.
    """
    spec = spec_of(job, name)
    block = max(samples.blocks, key=lambda one: one.peak)
    decodes = spec is not None and bool(gaps_of(samples))
    per_token = spec.kv_bytes(1) * sequences_of(samples) if spec is not None and decodes else 0
    tokens = scenario.max_length
    predicted = predict(spec, job.target, scenario).get("memory.peak") if spec is not None else None
    return {
        "weights_bytes": _artifact(job, name).weight_file_bytes,
        "kv_bytes": per_token * tokens,
        "kv_bytes_per_token": per_token,
        "kv_by_context": _by_context(spec, per_token, tokens),
        **_parts(block, per_token * tokens),
        "peak_bytes": block.peak,
        "steady_bytes": int(median(samples.pooled("memory.steady"))),
        "gpu_bytes": max((one.gpu for one in samples.blocks if one.gpu is not None), default=None),
        "predicted_peak_bytes": round(predicted.value) if predicted else None,
        "predicted_as": predicted.arithmetic if predicted else None,
        "context_tokens": tokens,
        "note": _MEASURED if decodes else _WITHOUT_KV,
    }


def _parts(block: Block, kv_bytes: int) -> dict[str, int]:
    """The four that add up to the peak. What opening takes for a moment and gives back counts as what requests added."""
    loaded = max(0, block.loaded - block.bare)
    requests = block.peak - block.bare - loaded
    return {
        "runtime_bytes": block.bare,
        "loaded_bytes": loaded,
        "requests_bytes": requests,
        "other_bytes": requests - kv_bytes,
    }


def _by_context(spec: ModelSpec | None, per_token: int, tokens: int) -> list[dict[str, int]]:
    """The KV cache at the scenario's length and at doubling ones up to the model's context."""
    if spec is None or not per_token:
        return []
    lengths = {tokens, spec.context or tokens}
    length = _FIRST
    while length < (spec.context or 0):
        lengths.add(length)
        length *= 2
    return [{"tokens": count, "bytes": count * per_token} for count in sorted(lengths)]


def gaps_of(samples: BlockSamples) -> list[tuple[float, ...]]:
    """The gaps between tokens of every request that had some."""
    return [request.gaps for block in samples.blocks for request in block.requests if request.gaps]


def sequences_of(samples: BlockSamples) -> int:
    """Of a request: a batch has several."""
    return round(median(request.sequences for block in samples.blocks for request in block.requests))


def spec_of(job: Job, name: str) -> ModelSpec | None:
    return job.spec if name == job.name else job.specs.get(name)


def _artifact(job: Job, name: str) -> Artifact:
    return job.subject if name == job.name else job.artifacts[name]


@dataclass(frozen=True)
class _Phase:
    """Operations of one step in linears, attention's two products and the head; bytes read; the metric of its seconds."""

    name: str
    linears: float
    attention: float
    head: float
    read: float
    metric: str

    @property
    def flop(self) -> float:
        return self.linears + self.attention + self.head


def roofline(job: Job, samples_of: SamplesOf) -> dict[str, Any]:
    """Operations, bytes and measured seconds of one prefill and of one decode step, and the machine's two roofs."""
    if job.target.bandwidth <= 0 or job.target.flops <= 0:
        return {}
    points = []
    for name, samples in samples_of.items():
        spec = spec_of(job, name)
        for phase in _phases(spec, samples) if spec is not None else ():
            seconds = samples.pooled(phase.metric) if phase.metric in SERVED_METRICS else []
            if spec is not None and seconds:
                points.append(
                    {"subject": name, **_point(phase, spec, job.target), "seconds": median(seconds)}
                )
    return {"bandwidth": job.target.bandwidth, "flops": job.target.flops, "points": points} if points else {}


def _point(phase: _Phase, spec: ModelSpec, target: Target) -> dict[str, Any]:
    """`peak`: operations per second of the arithmetic that the artifact computes in, integers or floats; of floats where
    that of integers is not known."""
    least = seconds_at_peak(spec, target, phase.linears, phase.attention, phase.head)
    peak = phase.flop / least if least else target.flops
    if math.isclose(peak, target.flops):
        peak = target.flops
    return {"phase": phase.name, "flop": phase.flop, "bytes": phase.read, "peak": peak}


def _phases(spec: ModelSpec, samples: BlockSamples) -> Iterator[_Phase]:
    """Two operations per weight and token."""
    tokens, sequences = _prompt(samples), sequences_of(samples)
    linears, attention, head = prefill_parts(spec, Prompts(tokens, sequences))
    if not gaps_of(samples):
        yield _Phase("forward", linears, attention, head, float(spec.linear_bytes), "forward")
        return
    middle = tokens + fmean(map(len, gaps_of(samples))) / 2
    yield _Phase("prefill", linears, attention, head, float(spec.bytes_per_token), "prefill")
    cache = spec.kv_bytes(round(middle)) * sequences
    over_cache = 4.0 * spec.layers * spec.heads * spec.head_dim * middle * sequences
    step, read = 2.0 * spec.linear_parameters * sequences, float(spec.bytes_per_token + cache)
    yield _Phase("decode", step, over_cache, head, read, "tpot")


def _prompt(samples: BlockSamples) -> float:
    return fmean(request.prompt_tokens for block in samples.blocks for request in block.requests)
