"""The part of an evaluation that scores text: each (reference, data) once, or read from a record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from infopt_compiler.artifacts import Artifact, TextData
from infopt_compiler.budget import Bound, Interval, judge
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, error
from infopt_compiler.measure.evaluation import Value
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.last import Judged, Own, judge_last, spread_of
from infopt_compiler.measure.records import quality_key
from infopt_compiler.measure.requests.instrument import judge_relative
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.measure.text.estimate import (
    QUALITY_METRICS,
    estimate_quality,
    estimate_quality_ratio,
    paired_bits_per_byte,
)
from infopt_compiler.measure.text.quality import compare, score
from infopt_compiler.measure.text.result import QualityResult
from infopt_compiler.measure.text.retention import estimate_retention
from infopt_compiler.metrics import Needs

_KL = (("kl", "mean"), ("kl", "p50"), ("kl", "p99"), ("kl", "max"), ("top1", None))


@dataclass(frozen=True)
class Quality:
    """One scoring: the subject over the data `on`, against `reference` or (None) alone."""

    on: str | None
    reference: str | None
    result: QualityResult
    settings: MeasureSettings
    reused: bool

    @property
    def label(self) -> str:
        return f"{self.on or 'text'}" + (f" vs {self.reference}" if self.reference else "")

    def interval(self, metric: str, aggregate: str | None, confidence: float) -> Interval:
        if metric == "retention":
            return estimate_retention(
                self.result,
                aggregate or "mean",
                confidence,
                resamples=self.settings.resamples,
                seed=self.settings.seed,
            )
        return estimate_quality(
            self.result,
            metric,
            aggregate,
            confidence,
            resamples=self.settings.resamples,
            seed=self.settings.seed,
        )

    def ratio(self, metric: str, confidence: float) -> Interval:
        return estimate_quality_ratio(
            self.result, metric, confidence, resamples=self.settings.resamples, seed=self.settings.seed
        )

    def values(self, subject: str) -> list[Value]:
        """All quality metrics, with or without bounds; the reference's perplexity too."""
        names = [("perplexity", None), ("bits_per_byte", None), *(_KL if self.reference else ())]
        found = []
        for metric, aggregate in names:
            interval = self.interval(metric, aggregate, self.settings.confidence)
            label = f"{metric}.{aggregate}" if aggregate else metric
            against = self.reference if metric in ("kl", "top1") else None
            kept = spread_of(partial(self.interval, metric, aggregate), self.settings.confidence, ())
            found.append(Value(label, subject, interval, on=self.on, reference=against, spread=kept))
        base = self.result.reference_perplexity
        if base is not None and self.reference:
            known = Interval(base, base, base, 1.0, "on the same windows", self.result.tokens)
            found.append(Value("perplexity", self.reference, known, on=self.on))
        return found


def measure_quality(job: Job) -> dict[str, Quality]:
    """One scoring for each pair of data and reference that the bounds name; a lone perplexity rides on any with its data."""
    bounds = [bound for bound in job.needing(Needs.data) if bound.metric in QUALITY_METRICS]
    found: dict[str, Quality] = {}
    for bound in sorted(bounds, key=lambda b: _reference_of(b) is None):
        if _find(job, bound, found) is None:
            quality = _measure(job, bound)
            found[quality.label] = quality
    return found


def judge_quality(job: Job, bound: Bound, quality: dict[str, Quality]) -> Judged:
    """(verdict, interval, limit, ratio) of a quality bound."""
    confidence = job.confidence(bound)
    if bound.of_last:
        return judge_last(job, bound, own_quality(job, bound, quality))
    if bound.relative_to is None:
        interval = own_quality(job, bound, quality)(confidence)
        return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None
    if bound.metric == "bits_per_byte":
        return _judge_bits_per_byte(job, bound)
    entry = _find(job, bound, quality)
    if entry is None or bound.metric != "perplexity":
        help = "state the limit itself: the metric compares with a reference already"
        raise DiagnosticError(
            error("E0909", f"`{bound.name}` cannot be a share of another", bound.span, help=help)
        )
    base = entry.result.reference_perplexity
    reference = Interval.exact(base) if base else Interval.unknown("the reference was not scored")
    return judge_relative(bound, entry.ratio("perplexity", confidence), reference)


def own_quality(job: Job, bound: Bound, quality: dict[str, Quality]) -> Own:
    """The subject's own value of the bound's metric, at any confidence."""
    entry = _find(job, bound, quality)
    assert entry is not None  # measure_quality has made it
    return lambda confidence: entry.interval(bound.metric, bound.aggregate, confidence)


def _judge_bits_per_byte(job: Job, bound: Bound) -> Judged:
    """Across tokenizers: each model in its own tokens, paired by document."""
    data, name = job.text(bound), str(bound.relative_to)
    base = _score_alone(job, job.artifact(bound, name), data)
    own = _score_alone(job, job.subject, data)
    settings, confidence = job.settings, job.confidence(bound)
    ratio = paired_bits_per_byte(base, own, confidence, resamples=settings.resamples, seed=settings.seed)
    alone = Quality(bound.on, None, base, settings, reused=True)
    return judge_relative(bound, ratio, alone.interval("bits_per_byte", None, confidence))


def _reference_of(bound: Bound) -> str | None:
    """The model that has to be scored beside the subject; bits per byte need none beside it."""
    return None if bound.metric == "bits_per_byte" else bound.reference or bound.beside


def _find(job: Job, bound: Bound, found: dict[str, Quality]) -> Quality | None:
    on, reference = _on(job, bound), _reference_of(bound)
    for entry in found.values():
        if entry.on == on and reference in (None, entry.reference):
            return entry
    return None


def _on(job: Job, bound: Bound) -> str:
    wanted = job.text(bound)
    return next(name for name, data in job.data.items() if data is wanted)


def _measure(job: Job, bound: Bound) -> Quality:
    on, name, data = _on(job, bound), _reference_of(bound), job.text(bound)
    if name is None and bound.definition.reference:
        message = f"`{bound.name}` compares with a reference, and none is named"
        raise DiagnosticError(error("E0909", message, bound.span, help="write `vs` and a model"))
    reference = job.artifact(bound, name) if name else None
    key = quality_key(job.subject, reference, data, job.settings.windows)
    known = job.records.record(key)
    if known is not None:
        return Quality(on, name, QualityResult.from_json(known), job.settings, reused=True)
    try:
        if reference is None:
            result = score(job.subject, data, job.settings.windows, progress=job.progress)
        else:
            subjects = {job.name: job.subject}
            result = compare(reference, subjects, data, job.settings.windows, progress=job.progress)[job.name]
    except DiagnosticError as failure:
        raise DiagnosticError(*placed(failure, bound)) from None
    return Quality(on, name, recorded(job, key, result), job.settings, reused=False)


def _score_alone(job: Job, artifact: Artifact, data: TextData) -> QualityResult:
    key = quality_key(artifact, None, data, job.settings.windows)
    known = job.records.record(key)
    if known is not None:
        return QualityResult.from_json(known)
    return recorded(job, key, score(artifact, data, job.settings.windows, progress=job.progress))


def recorded(job: Job, key: str, result: QualityResult) -> QualityResult:
    """The result as it is recorded, digits and all: a build that reads the record reports the same numbers."""
    data = result.to_json()
    job.records.put_record(key, data)
    return QualityResult.from_json(data)


def placed(failure: DiagnosticError, bound: Bound) -> list[Diagnostic]:
    """The same diagnostics with the bound's place in the recipe."""
    return [replace(d, span=d.span or bound.span) for d in failure.diagnostics]
