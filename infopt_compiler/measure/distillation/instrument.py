"""The instrument that reads what `distill` recorded of its control: `gain`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from infopt_compiler.budget import Bound, Interval
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.job import Job, Own, Reading
from infopt_compiler.measure.text.estimate import gain_of

METRIC = "gain"


@dataclass(frozen=True)
class GainReading(Reading):
    """The record lies in the job."""

    job: Job

    def own(self, bound: Bound) -> Own:
        return partial(self._interval, bound.aggregate or "worst")

    def _interval(self, aggregate: str, confidence: float) -> Interval:
        return gain_of(self.job.distillation or {}, aggregate, confidence, **self.job.drawn)


class GainInstrument:
    """What the teacher gave over the text alone."""

    phase = "distillation"
    metrics = frozenset({METRIC})

    def check(self, job: Job) -> None:
        for bound in job.of(self.metrics):
            if job.distillation is None:
                message = f"`{bound.name}` is recorded by `distill`, and nothing on the way to `{job.name}` was distilled"
                raise DiagnosticError(error("E0909", message, bound.span))

    def measure(self, job: Job) -> GainReading:
        return GainReading(job)
