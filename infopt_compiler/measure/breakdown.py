"""What lies behind the values of a report: samples, where a request's time goes, what memory holds, the roofline.

All of it is plain data for report.json. Seconds, bytes, operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean, median
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.machine_state import machine_state
from infopt_compiler.measure.memory import gaps_of, memory_row, sequences_of, spec_of
from infopt_compiler.measure.samples import SERVED_METRICS, BlockSamples
from infopt_compiler.measure.timing import Timing

_SHOWN = ("ttft", "tpot", "itl", "latency", "forward")
_MOST_SAMPLES = 1000


def breakdown(job: Job, timing: Timing | None) -> dict[str, Any]:
    """The keys `distributions`, `timeline`, `memory`, `roofline`, `machine_state` and `scenario_settings` of a row of `measured`."""
    if timing is None:
        return {}
    environment = timing.samples[job.name].environment
    found = {
        "distributions": {name: _distributions(samples) for name, samples in timing.samples.items()},
        "timeline": {
            name: _timeline(samples) for name, samples in timing.samples.items() if gaps_of(samples)
        },
        "memory": {name: memory_row(job, timing, name) for name in timing.samples},
        "roofline": _roofline(job, timing),
        "machine_state": machine_state(
            timing.samples, environment.get("machine_before", {}), environment.get("machine_load", [])
        ),
        "scenario_settings": asdict(timing.scenario),
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


def _roofline(job: Job, timing: Timing) -> dict[str, Any]:
    """Operations, bytes and measured seconds of one prefill and of one decode step, and the machine's two roofs."""
    if job.target.bandwidth <= 0 or job.target.flops <= 0:
        return {}
    points = []
    for name, samples in timing.samples.items():
        spec = spec_of(job, name)
        for phase, flop, read, metric in _work(spec, samples) if spec is not None else ():
            seconds = samples.pooled(metric) if metric in SERVED_METRICS else []
            if seconds:
                row = {"subject": name, "phase": phase, "flop": flop, "bytes": read}
                points.append({**row, "seconds": median(seconds)})
    return {"bandwidth": job.target.bandwidth, "flops": job.target.flops, "points": points} if points else {}


def _work(spec: ModelSpec, samples: BlockSamples) -> list[tuple[str, float, float, str]]:
    """(phase, operations, bytes, metric of its seconds); two operations per weight and token, and attention's two products."""
    tokens, sequences = _prompt(samples), sequences_of(samples)
    attention = 2.0 * spec.layers * spec.heads * spec.head_dim * tokens**2
    linears = 2.0 * spec.linear_parameters * tokens
    if not gaps_of(samples):
        return [("forward", (linears + 2 * attention) * sequences, float(spec.linear_bytes), "forward")]
    head = 2.0 * spec.head_parameters
    middle = tokens + fmean(map(len, gaps_of(samples))) / 2
    cache = spec.kv_bytes(round(middle)) * sequences
    over_cache = 4.0 * spec.layers * spec.heads * spec.head_dim * middle
    step = (2.0 * spec.linear_parameters + head + over_cache) * sequences
    return [
        ("prefill", (linears + attention + head) * sequences, float(spec.bytes_per_token), "prefill"),
        ("decode", step, float(spec.bytes_per_token + cache), "tpot"),
    ]


def _prompt(samples: BlockSamples) -> float:
    return fmean(request.prompt_tokens for block in samples.blocks for request in block.requests)
