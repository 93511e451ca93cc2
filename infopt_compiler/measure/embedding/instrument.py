"""The part of an evaluation that embeds sentences: each (reference, data) once, or read from a record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from infopt_compiler.budget import Bound, Interval, judge
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.embedding.agreement import Agreement, compare_embeddings
from infopt_compiler.measure.embedding.estimate import EMBEDDING_METRICS, estimate_embedding
from infopt_compiler.measure.evaluation import Value
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.last import Judged, Own, judge_last, spread_of
from infopt_compiler.measure.records import quality_key
from infopt_compiler.metrics import ModelKind, metrics_of

_SHOWN = (("cosine", "mean"), ("cosine", "p1"), ("cosine", "min"), ("ranking", None))
_WORST = 8  # sentences in the report


@dataclass(frozen=True)
class Embeddings:
    """The sentences of the data `on`, the subject against `reference`."""

    on: str
    reference: str
    rows: list[Agreement]

    def interval(self, job: Job, metric: str, aggregate: str | None, confidence: float) -> Interval:
        settings = job.settings
        return estimate_embedding(
            self.rows, metric, aggregate, confidence, resamples=settings.resamples, seed=settings.seed
        )

    def values(self, job: Job) -> list[Value]:
        """All of them, with or without a bound."""
        found = []
        for metric, aggregate in _SHOWN:
            interval = self.interval(job, metric, aggregate, job.settings.confidence)
            label = f"{metric}.{aggregate}" if aggregate else metric
            kept = spread_of(partial(self.interval, job, metric, aggregate), job.settings.confidence, ())
            found.append(Value(label, job.name, interval, on=self.on, reference=self.reference, spread=kept))
        return [value for value in found if value.interval.value is not None]

    def worst(self) -> list[dict[str, Any]]:
        """The sentences whose vectors differ most."""
        return [row.to_json() for row in sorted(self.rows, key=lambda row: row.cosine)[:_WORST]]


Compared = dict[tuple[str, str], Embeddings]


def check_kind(job: Job) -> None:
    """DiagnosticError E0909 where a bound asks an encoder for words or a decoder for vectors."""
    if job.spec is None:
        return
    kind = ModelKind.decoder if job.spec.family.generates else ModelKind.encoder
    for bound in job.bounds:
        if bound.definition.only in (None, kind):
            continue
        names = ", ".join(f"`{name}`" for name in metrics_of(kind, bound.definition.needs))
        what = "a decoder" if job.spec.family.generates else "an encoder"
        message = f"`{bound.name}` cannot be measured: `{job.name}` is {what}"
        help = f"{kind.value}s have {names}" if names else None
        raise DiagnosticError(error("E0909", message, bound.span, help=help))


def measure_embeddings(job: Job) -> Compared:
    """One comparison for each pair of data and reference that the bounds name."""
    found: Compared = {}
    for bound in job.bounds:
        if bound.metric in EMBEDDING_METRICS and _key(bound) not in found:
            found[_key(bound)] = _measure(job, bound)
    return found


def judge_embeddings(job: Job, bound: Bound, found: Compared) -> Judged:
    """(verdict, interval, limit, ratio)."""
    if bound.of_last:
        return judge_last(job, bound, own_embeddings(job, bound, found))
    if bound.relative_to is not None:
        help = "state the limit itself: the metric compares with a reference already"
        raise DiagnosticError(
            error("E0909", f"`{bound.name}` cannot be a share of another", bound.span, help=help)
        )
    interval = own_embeddings(job, bound, found)(job.confidence(bound))
    return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None


def own_embeddings(job: Job, bound: Bound, found: Compared) -> Own:
    """The subject's own value of the bound's metric, at any confidence."""
    entry = found[_key(bound)]
    return lambda confidence: entry.interval(job, bound.metric, bound.aggregate, confidence)


def _key(bound: Bound) -> tuple[str, str]:
    return bound.on or "", bound.reference or ""


def _measure(job: Job, bound: Bound) -> Embeddings:
    data, name = job.text(bound), bound.reference or ""
    reference = job.artifact(bound, name)
    key = quality_key(job.subject, reference, data, 0) + ".embeddings"
    known = job.records.record(key)
    if known is None:
        job.progress(0, 1, f"embedding with {job.name} and {name}")
        try:
            rows = compare_embeddings(reference, job.subject, data)
        except DiagnosticError as failure:
            raise DiagnosticError(
                *(replace(d, span=d.span or bound.span) for d in failure.diagnostics)
            ) from None
        known = {"rows": [row.to_json() for row in rows]}
        job.records.put_record(key, known)
    return Embeddings(bound.on or "", name, [Agreement(**row) for row in known["rows"]])
