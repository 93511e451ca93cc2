"""The instrument over files: what an artifact shows without running it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infopt_compiler.artifacts import Artifact, ModelSpec
from infopt_compiler.budget import Bound, Interval
from infopt_compiler.measure.job import Job, Own, Reading, Shown


@dataclass(frozen=True)
class FileReading(Reading):
    """Exact values: their intervals have no width, whatever the confidence."""

    job: Job

    def own(self, bound: Bound) -> Own:
        return self._own(bound.metric)

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        name = str(bound.relative_to)
        own = value_of(bound.metric, self.job.subject, self.job.spec)
        reference = value_of(bound.metric, self.job.artifact(bound, name), self.job.specs.get(name))
        if own.value is None or not reference.value:
            return Interval.unknown("the reference has no value"), reference
        return Interval.exact(own.value / reference.value, own.estimator), reference

    def shown(self) -> Iterator[Shown]:
        for metric in ("size", "bits_per_weight"):
            yield Shown(metric, self._own(metric))

    def _own(self, metric: str) -> Own:
        return lambda _: value_of(metric, self.job.subject, self.job.spec)


class FileInstrument:
    """Sizes."""

    phase = "files"
    metrics = frozenset({"size", "bits_per_weight"})

    def check(self, job: Job) -> None:
        """Nothing but what holds for every bound."""

    def measure(self, job: Job) -> FileReading:
        return FileReading(job)


def value_of(metric: str, artifact: Artifact, spec: ModelSpec | None) -> Interval:
    """`size` is of all files; of `bits_per_weight` those of weights count: scales, zero points and embeddings are in them."""
    if metric == "size":
        return Interval.exact(float(artifact.size_bytes), "bytes of all files")
    if spec is None:
        return Interval.unknown("`bits_per_weight` needs the model's shapes")
    return Interval.exact(
        artifact.weight_file_bytes * 8 / spec.parameters, "bytes of weight files x 8 / parameters"
    )
