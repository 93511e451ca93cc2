"""Bounds `of last`: this build against the newest earlier one. Two runs, so both intervals count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from infopt_compiler.budget import Bound, Earlier, Interval, Spread, Verdict, holds, judge
from infopt_compiler.measure.job import Job

Own = Callable[[float], Interval]  # confidence → the interval of the subject's own value
Judged = tuple[Verdict, Interval, float | None, float | None]
# Kept besides a bound's own: what comparing at 95% and at 99% takes.
_KEPT = (0.975, 0.995)

FIRST = "there is no earlier build to compare with: this one is what the next is held to"
UNREADABLE = "the history of builds cannot be read, so the last build's value is not known"
TOO_SURE = "the last build kept no interval for so high a confidence"


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
        note = mine.note or "the last build measured zero, of which nothing is a share"
        return Interval.unknown(note, samples=mine.samples, blocks=mine.blocks)
    low = mine.low / before.high if before.high > 0 and math.isfinite(before.high) else 0.0
    high = mine.high / before.low if before.low > 0 else math.inf
    words = f"{mine.estimator}; over the last build's limits, half of the error each"
    return Interval(mine.value / before.value, low, high, mine.confidence, words, mine.samples, mine.blocks)


def _first(interval: Interval) -> Judged:
    """Without a value there is nothing for the next build to be held to either."""
    if interval.value is None:
        return Verdict.inconclusive, interval, None, None
    note = f"{interval.note}; {FIRST}" if interval.note else FIRST
    return Verdict.baseline, replace(interval, note=note), None, None


def _unchanged(mine: Interval) -> Interval:
    words = "the very measurement of the last build"
    return Interval(1.0, 1.0, 1.0, 1.0, words, mine.samples, mine.blocks)


def _equal(one: Interval, other: Interval) -> bool:
    return (one.value, one.low, one.high) == (other.value, other.low, other.high)


def _note(ratio: Interval, earlier: Earlier, same: bool) -> str:
    what = "the same artifact, not measured anew since the" if same else "against the"
    text = f"{what} {earlier.text}"
    return f"{ratio.note}; {text}" if ratio.note else text
