"""The instrument over held-out text: each (reference, data) is scored once, or read from a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from infopt_compiler.artifacts import Artifact, TextData
from infopt_compiler.budget import Bound, Interval, finite
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown, label
from infopt_compiler.measure.text.estimate import (
    estimate_quality,
    estimate_quality_ratio,
    estimate_retention,
    paired_bits_per_byte,
)
from infopt_compiler.measure.text.quality import QualityResult, compare, score

_KL = (("kl", "mean"), ("kl", "p50"), ("kl", "p99"), ("kl", "max"), ("top1", None))


@dataclass(frozen=True)
class Quality:
    """One scoring: the subject over the data `on`, against `reference` or (None) alone."""

    on: str | None
    reference: str | None
    result: QualityResult
    drawn: Mapping[str, int]
    reused: bool

    @property
    def label(self) -> str:
        return f"{self.on or 'text'}" + (f" vs {self.reference}" if self.reference else "")

    def interval(self, metric: str, aggregate: str | None, confidence: float) -> Interval:
        if metric == "retention":
            return estimate_retention(self.result, aggregate or "mean", confidence, **self.drawn)
        return estimate_quality(self.result, metric, aggregate, confidence, **self.drawn)

    def ratio(self, metric: str, confidence: float) -> Interval:
        return estimate_quality_ratio(self.result, metric, confidence, **self.drawn)

    def shown(self) -> Iterator[Shown]:
        """All quality metrics, with or without bounds; the reference's perplexity too."""
        names = [("perplexity", None), ("bits_per_byte", None), *(_KL if self.reference else ())]
        for metric, aggregate in names:
            against = self.reference if metric in ("kl", "top1") else None
            own = partial(self.interval, metric, aggregate)
            yield Shown(label(metric, aggregate), own, on=self.on, reference=against, unknown=True)
        base = self.result.reference_perplexity
        if base is not None and self.reference:
            known = Interval(base, base, base, 1.0, "on the same windows", self.result.tokens)
            yield Shown("perplexity", lambda _: known, self.reference, on=self.on)

    def environment(self) -> dict[str, Any]:
        return {
            "policy": self.result.policy,
            "windows": len(self.result.windows),
            "versions": self.result.versions,
            "reused": self.reused,
        }


@dataclass(frozen=True)
class TextReading(Reading):
    """`scored` by label. A model that only a relative `bits_per_byte` names is scored when that is judged."""

    job: Job
    scored: dict[str, Quality] = field(default_factory=dict)

    def own(self, bound: Bound) -> Own:
        entry = self.of(bound)
        assert entry is not None  # the instrument has made it
        return partial(entry.interval, bound.metric, bound.aggregate)

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        if bound.metric == "bits_per_byte":
            return self._ratio_by_document(bound, confidence)
        entry = self.of(bound)
        if entry is None or bound.metric != "perplexity":
            return super().ratio(bound, confidence)
        base = entry.result.reference_perplexity
        reference = Interval.exact(base) if base else Interval.unknown("the reference was not scored")
        return entry.ratio("perplexity", confidence), reference

    def shown(self) -> Iterator[Shown]:
        for entry in self.scored.values():
            yield from entry.shown()

    def details(self) -> Details:
        tails = {name: entry.result.tails() for name, entry in self.scored.items()}
        return Details(
            {
                "tails": {name: found for name, found in tails.items() if found},
                "domains": domains(self.scored, self.job.settings.confidence),
            },
            {"quality": {name: one.environment() for name, one in self.scored.items()}}
            if self.scored
            else {},
            {name: entry.result.worst() for name, entry in self.scored.items() if entry.on},
        )

    def of(self, bound: Bound) -> Quality | None:
        """The scoring that a bound is judged on: any with its data where it needs no reference."""
        on, reference = _on(self.job, bound), _reference_of(bound)
        fits = (one for one in self.scored.values() if one.on == on and reference in (None, one.reference))
        return next(fits, None)

    def _ratio_by_document(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        """Across tokenizers: each model in its own tokens, paired by document."""
        job, data = self.job, self.job.text(bound)
        base = _scored(job, bound, job.artifact(bound, str(bound.relative_to)), None, data)
        own = _scored(job, bound, job.subject, None, data)
        ratio = paired_bits_per_byte(base, own, confidence, **job.drawn)
        return ratio, estimate_quality(base, "bits_per_byte", None, confidence, **job.drawn)


class TextInstrument:
    """Perplexity and what compares token by token with a reference."""

    phase = "text"
    metrics = frozenset({"perplexity", "bits_per_byte", "kl", "top1", "retention"})

    def check(self, job: Job) -> None:
        for bound in job.of(self.metrics):
            if _reference_of(bound) is None and bound.definition.reference:
                message = f"`{bound.name}` compares with a reference, and none is named"
                raise DiagnosticError(error("E0909", message, bound.span, help="write `vs` and a model"))

    def measure(self, job: Job) -> TextReading:
        """One scoring for each pair of data and reference that the bounds name; a lone perplexity rides on any with its data."""
        found = TextReading(job)
        for bound in sorted(job.of(self.metrics), key=lambda b: _reference_of(b) is None):
            if found.of(bound) is None:
                quality = _measure(job, bound)
                found.scored[quality.label] = quality
        return found


def domains(scored: Mapping[str, Quality], confidence: float) -> list[dict[str, Any]]:
    """Texts beside each other: on which an artifact strays further from its reference. A row for each text with a reference,
    mean KL and the perplexity's ratio with their intervals, the worst text first among those of one reference; empty with
    fewer than two texts."""
    rows = [_domain(found, confidence) for found in scored.values() if found.reference]
    rows.sort(key=lambda row: (row["reference"], -row["kl_mean"]["value"]))
    kept = (list(group) for _, group in groupby(rows, key=lambda row: row["reference"]))
    return [row for group in kept if len(group) > 1 for row in group]


def _domain(found: Quality, confidence: float) -> dict[str, Any]:
    kl = found.interval("kl", "mean", confidence)
    ratio = found.ratio("perplexity", confidence)
    return {
        "on": found.on,
        "reference": found.reference,
        "tokens": found.result.tokens,
        "kl_mean": {"value": kl.value, "interval": finite(kl.low, kl.high)},
        "perplexity_ratio": {"value": ratio.value, "interval": finite(ratio.low, ratio.high)},
        "top1": found.result.top1,
    }


def _reference_of(bound: Bound) -> str | None:
    """The model that has to be scored beside the subject; bits per byte need none beside it."""
    return None if bound.metric == "bits_per_byte" else bound.reference or bound.beside


def _on(job: Job, bound: Bound) -> str:
    wanted = job.text(bound)
    return next(name for name, data in job.data.items() if data is wanted)


def _measure(job: Job, bound: Bound) -> Quality:
    name, data = _reference_of(bound), job.text(bound)
    reference = job.artifact(bound, name) if name else None
    reused = job.records.record(job.text_key(job.subject, reference, data)) is not None
    return Quality(
        _on(job, bound), name, _scored(job, bound, job.subject, reference, data), job.drawn, reused
    )


def _scored(
    job: Job, bound: Bound, artifact: Artifact, reference: Artifact | None, data: TextData
) -> QualityResult:
    """From a record where there is one; digits as they are recorded, so that a build that reads the record reports the same."""

    def made() -> dict[str, Any]:
        windows = job.settings.windows
        if reference is None:
            return score(artifact, data, windows, progress=job.progress).to_json()
        subjects = {job.name: artifact}
        return compare(reference, subjects, data, windows, progress=job.progress)[job.name].to_json()

    key = job.text_key(artifact, reference, data)
    return QualityResult.from_json(job.remembered(key, bound, made))


def recorded(job: Job, key: str, result: QualityResult) -> QualityResult:
    """The result as it is recorded."""
    data = result.to_json()
    job.records.put_record(key, data)
    return QualityResult.from_json(data)
