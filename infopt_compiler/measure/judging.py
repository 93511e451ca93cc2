"""The rule for bounds, whatever they are on: absolute, relative to another model, or `of last`.

A bound `of last` holds this build against the newest earlier one: two runs, so both intervals count.
"""

from __future__ import annotations

import math
from dataclasses import replace

from infopt_compiler.budget import Basis, Bound, BoundResult, Earlier, Interval, Spread, Verdict, holds, judge
from infopt_compiler.measure.job import Job, Own, Reading
from infopt_compiler.metrics import Needs

Judged = tuple[
    Verdict, Interval, float | None, float | None
]  # verdict, interval, limit, ratio; in base units
# Kept besides a bound's own: what comparing at 95% and at 99% takes.
_KEPT = (0.975, 0.995)

FIRST = "there is no earlier build to compare with: this one is what the next is held to"
UNREADABLE = "the history of builds cannot be read, so the previous build's value is not known"
TOO_SURE = "the previous build kept no interval for so high a confidence"


def judge_bound(job: Job, bound: Bound, reading: Reading) -> BoundResult:
    """A row of the report. What was predicted is neither met nor missed."""
    own = reading.own(bound)
    predicted = reading.basis is Basis.predicted
    verdict, interval, limit, ratio = (judge_predicted if predicted else judge_reading)(job, bound, reading)
    known = interval.value is not None and limit is not None
    return BoundResult(
        bound,
        job.name,
        job.scenario.name if job.scenario and bound.definition.needs is Needs.scenario else None,
        limit,
        interval,
        reading.basis,
        verdict,
        holds(bound.operator, interval.value or 0.0, limit or 0.0) if known else None,
        ratio,
        interval.note,
        None if predicted else spread_of(own, job.confidence(bound)),
    )


def judge_reading(job: Job, bound: Bound, reading: Reading) -> Judged:
    """A relative limit is the reference's value times the factor."""
    confidence = job.confidence(bound)
    if bound.of_last:
        return judge_last(job, bound, reading.own(bound))
    if bound.relative_to is None:
        interval = reading.own(bound)(confidence)
        return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None
    return _judge_ratio(bound, *reading.ratio(bound, confidence))


def judge_predicted(job: Job, bound: Bound, reading: Reading) -> Judged:
    """By arithmetic, for a machine that is not here. `predicted` whatever the value."""
    interval = reading.own(bound)(job.confidence(bound))
    limit: float | None = bound.limit.base
    ratio = None
    if bound.of_last:
        limit, interval = None, replace(interval, note="a prediction is not compared with the previous build")
    elif bound.relative_to is not None:
        found, other = reading.ratio(bound, job.confidence(bound))
        limit, ratio = bound.limit.base * other.value if other.value else None, found.value
    return Verdict.predicted, interval, limit, ratio


def is_decided(job: Job, bound: Bound, reading: Reading) -> bool:
    """More samples would not change what is said."""
    if bound.of_last:
        return is_settled(job, bound, reading.own(bound))
    return judge_reading(job, bound, reading)[0] is not Verdict.inconclusive


def _judge_ratio(bound: Bound, ratio: Interval, reference: Interval) -> Judged:
    """The ratio against the bound's percentage; interval and limit are given in the metric's unit again."""
    verdict = judge(bound, ratio, bound.limit.base)
    if not reference.value or ratio.value is None:
        note = ratio.note or reference.note or "the reference has no value"
        return verdict, replace(ratio, value=None, note=note), None, None
    return verdict, ratio.scaled(reference.value), bound.limit.base * reference.value, ratio.value


def half_error(confidence: float) -> float:
    """What each of two limits must hold with, for both together to hold with `confidence` (Bonferroni)."""
    return 1 - (1 - confidence) / 2


def spread_of(own: Own, confidence: float, kept: tuple[float, ...] = _KEPT) -> Spread | None:
    """The value and its limits, for builds to come; None where the samples gave no value."""
    levels = sorted({round(half_error(confidence), 10), *kept})
    found = {level: own(level) for level in levels}
    value = found[levels[0]].value
    if value is None:
        return None
    return Spread(
        value, {level: (one.low, one.high) for level, one in found.items() if one.value is not None}
    )


def judge_last(job: Job, bound: Bound, own: Own) -> Judged:
    """(verdict, interval, limit, ratio) of a bound `of last`; `baseline` where no earlier build measured it."""
    confidence = job.confidence(bound)
    if job.earlier is None:
        return Verdict.inconclusive, replace(own(confidence), note=UNREADABLE), None, None
    earlier = job.earlier.get(bound.figure)
    if earlier is None:
        return _first(own(confidence))
    level = half_error(confidence)
    mine, before = own(level), earlier.spread.at(level)
    if before is None:
        return Verdict.inconclusive, replace(own(confidence), note=TOO_SURE), None, None
    same = earlier.digest == job.subject.digest and _equal(mine, before)
    ratio = _unchanged(mine) if same else ratio_of_builds(mine, before)
    ratio = replace(ratio, confidence=confidence, note=_note(ratio, earlier, same))
    verdict, limit = judge(bound, ratio, bound.limit.base), bound.limit.base * earlier.spread.value
    if ratio.value is None or earlier.spread.value == 0:
        return verdict, replace(own(confidence), note=ratio.note), limit, None
    return verdict, ratio.scaled(earlier.spread.value), limit, ratio.value


def is_settled(job: Job, bound: Bound, own: Own) -> bool:
    """More samples would not change what is said: it is decided, or the history cannot help.

    A baseline is settled when a second build that comes out just like it could be judged against it.
    """
    if job.earlier is None:
        return True
    verdict = judge_last(job, bound, own)[0]
    if verdict is not Verdict.baseline:
        return verdict is not Verdict.inconclusive
    mine = own(half_error(job.confidence(bound)))
    equal = holds(bound.operator, 1.0, bound.limit.base)
    return not equal or judge(bound, ratio_of_builds(mine, mine), bound.limit.base) is Verdict.met


def ratio_of_builds(mine: Interval, before: Interval) -> Interval:
    """This build over the last, not paired: each one's limits over the other's opposite ones. No metric is negative."""
    if mine.value is None or not before.value:
        note = mine.note or "the previous build measured zero, of which nothing is a share"
        return Interval.unknown(note, samples=mine.samples, blocks=mine.blocks)
    low = mine.low / before.high if before.high > 0 and math.isfinite(before.high) else 0.0
    high = mine.high / before.low if before.low > 0 else math.inf
    words = f"{mine.estimator}; over the previous build's limits, half of the error each"
    return Interval(mine.value / before.value, low, high, mine.confidence, words, mine.samples, mine.blocks)


def _first(interval: Interval) -> Judged:
    """Without a value there is nothing for the next build to be held to either."""
    if interval.value is None:
        return Verdict.inconclusive, interval, None, None
    note = f"{interval.note}; {FIRST}" if interval.note else FIRST
    return Verdict.baseline, replace(interval, note=note), None, None


def _unchanged(mine: Interval) -> Interval:
    words = "the very measurement of the previous build"
    return Interval(1.0, 1.0, 1.0, 1.0, words, mine.samples, mine.blocks)


def _equal(one: Interval, other: Interval) -> bool:
    return (one.value, one.low, one.high) == (other.value, other.low, other.high)


def _note(ratio: Interval, earlier: Earlier, same: bool) -> str:
    what = "the same artifact, not measured anew since the" if same else "against the"
    text = f"{what} {earlier.text}"
    return f"{ratio.note}; {text}" if ratio.note else text
