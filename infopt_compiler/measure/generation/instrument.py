"""The instrument that lets models write: each (reference, data) once, or read from a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.budget import Bound
from infopt_compiler.measure.generation.continuations import (
    Generations,
    compare_generation,
    from_record,
    to_record,
)
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown
from infopt_compiler.measure.records import quality_key

METRIC = "generation"


@dataclass(frozen=True)
class GenerationReading(Reading):
    """`compared` by data and reference."""

    job: Job
    compared: dict[tuple[str, str], Generations] = field(default_factory=dict)

    def own(self, bound: Bound) -> Own:
        return self._own(self.compared[_key(bound)])

    def shown(self) -> Iterator[Shown]:
        """A value for each text, with or without a bound that counts."""
        for one in self.compared.values():
            yield Shown(METRIC, self._own(one), on=one.on, reference=one.reference, unknown=True)

    def details(self) -> Details:
        return Details({"generations": {one.label: one.to_json() for one in self.compared.values()}})

    def _own(self, one: Generations) -> Own:
        settings = self.job.settings
        return lambda confidence: one.interval(confidence, resamples=settings.resamples, seed=settings.seed)


class GenerationInstrument:
    """Greedy continuations beside a reference's."""

    phase = "generation"
    metrics = frozenset({METRIC})

    def check(self, job: Job) -> None:
        """Nothing but what holds for every bound."""

    def measure(self, job: Job) -> GenerationReading:
        """One comparison for each pair of data and reference that the bounds name."""
        found = GenerationReading(job)
        for bound in job.of(self.metrics):
            if _key(bound) not in found.compared:
                found.compared[_key(bound)] = _measure(job, bound)
        return found


def _key(bound: Bound) -> tuple[str, str]:
    return bound.on or "", bound.reference or ""


def _measure(job: Job, bound: Bound) -> Generations:
    data, name, windows = job.text(bound), bound.reference or "", job.settings.windows
    reference = job.artifact(bound, name)

    def made() -> dict[str, Any]:
        return to_record(compare_generation(reference, job.subject, data, windows, progress=job.progress))

    key = quality_key(job.subject, reference, data, windows) + ".generation"
    return Generations(bound.on or "", name, from_record(job.remembered(key, bound, made)))
