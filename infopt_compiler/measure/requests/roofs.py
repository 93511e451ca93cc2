"""The machine's roofs, and what of them each phase of each variant reached. Seconds, bytes, operations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.requests.instrument import Timing
from infopt_compiler.measure.requests.memory import gaps_of, sequences_of, spec_of
from infopt_compiler.measure.serving.samples import SERVED_METRICS, BlockSamples
from infopt_compiler.targets import Target, seconds_at_peak
from infopt_compiler.targets.roofline import Prompts, prefill_parts


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


def roofline(job: Job, timing: Timing) -> dict[str, Any]:
    """Operations, bytes and measured seconds of one prefill and of one decode step, and the machine's two roofs."""
    if job.target.bandwidth <= 0 or job.target.flops <= 0:
        return {}
    points = []
    for name, samples in timing.samples.items():
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
