"""The part of an evaluation that lets models write: each (reference, data) once, or read from a record."""

from __future__ import annotations

from infopt_compiler.budget import Bound, judge
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.evaluation import Value
from infopt_compiler.measure.generation.continuations import (
    Generations,
    compare_generation,
    from_record,
    to_record,
)
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.last import Judged, Own, judge_last
from infopt_compiler.measure.records import quality_key
from infopt_compiler.measure.text.instrument import placed

METRIC = "generation"
Generated = dict[tuple[str, str], Generations]


def measure_generations(job: Job) -> Generated:
    """One comparison for each pair of data and reference that the bounds name."""
    found: Generated = {}
    for bound in job.bounds:
        if bound.metric == METRIC and _key(bound) not in found:
            found[_key(bound)] = _measure(job, bound)
    return found


def judge_generation(job: Job, bound: Bound, found: Generated) -> Judged:
    """(verdict, interval, limit, ratio)."""
    own = own_generation(job, bound, found)
    if bound.of_last:
        return judge_last(job, bound, own)
    if bound.relative_to is not None:
        help = "state the limit itself: the metric compares with a reference already"
        raise DiagnosticError(
            error("E0909", f"`{bound.name}` cannot be a share of another", bound.span, help=help)
        )
    interval = own(job.confidence(bound))
    return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None


def own_generation(job: Job, bound: Bound, found: Generated) -> Own:
    """The subject's own value, at any confidence."""
    return _own(job, found[_key(bound)])


def generation_values(job: Job, found: Generated) -> list[Value]:
    """A value for each text, with or without a bound that counts."""
    return [
        Value(METRIC, job.name, _own(job, one)(job.settings.confidence), on=one.on, reference=one.reference)
        for one in found.values()
    ]


def _own(job: Job, one: Generations) -> Own:
    settings = job.settings
    return lambda confidence: one.interval(confidence, resamples=settings.resamples, seed=settings.seed)


def _key(bound: Bound) -> tuple[str, str]:
    return bound.on or "", bound.reference or ""


def _measure(job: Job, bound: Bound) -> Generations:
    data, name = job.text(bound), bound.reference or ""
    reference = job.artifact(bound, name)
    key = quality_key(job.subject, reference, data, job.settings.windows) + ".generation"
    known = job.records.record(key)
    if known is None:
        try:
            rows = compare_generation(
                reference, job.subject, data, job.settings.windows, progress=job.progress
            )
        except DiagnosticError as failure:
            raise DiagnosticError(*placed(failure, bound)) from None
        known = to_record(rows)
        job.records.put_record(key, known)
    return Generations(bound.on or "", name, from_record(known))
