"""What lies behind the values of a report: samples, where a request's time goes, what memory holds, the roofline.

All of it is plain data for report.json. Seconds, bytes, operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from infopt_compiler.measure.job import Job
from infopt_compiler.measure.requests.instrument import Timing
from infopt_compiler.measure.requests.memory import gaps_of, memory_row
from infopt_compiler.measure.requests.roofs import roofline
from infopt_compiler.measure.serving.machine_state import machine_state
from infopt_compiler.measure.serving.samples import SERVED_METRICS, BlockSamples

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
        "roofline": roofline(job, timing),
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
