"""Verdicts: what an interval says about a bound, and what all bounds together say. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

from infopt_compiler.budget.bound import Bound, BoundSeverity, Operator
from infopt_compiler.budget.interval import Interval
from infopt_compiler.budget.result import BoundResult, Verdict

_HOLDS = {
    Operator.le: lambda value, limit: value <= limit,
    Operator.lt: lambda value, limit: value < limit,
    Operator.ge: lambda value, limit: value >= limit,
    Operator.gt: lambda value, limit: value > limit,
}


class ExitCode(int, Enum):
    """What the process says to its caller (0 met, 3 missed, 4 not decided)."""

    met = 0
    missed = 3
    undecided = 4


def holds(operator: Operator, value: float, limit: float) -> bool:
    return bool(_HOLDS[operator](value, limit))


def judge(bound: Bound, interval: Interval, limit: float) -> Verdict:
    """Met: both limits of the interval satisfy the bound. Missed: neither does. Else inconclusive.

    `limit` is in base units, already multiplied by the reference where the bound is relative.
    """
    if any(math.isnan(end) for end in (interval.low, interval.high, limit)):
        return Verdict.inconclusive  # no number satisfies or breaks a bound that is none
    low, high = (holds(bound.operator, end, limit) for end in (interval.low, interval.high))
    if interval.value is None and low != high:
        return Verdict.inconclusive
    if low and high:
        return Verdict.met
    if not low and not high:
        return Verdict.missed
    return Verdict.inconclusive


def overall(results: Iterable[BoundResult], *, predict_only: bool = False) -> Verdict:
    """The verdict of a build. `warn` bounds never count, nor do baselines. The worst decides: missed, inconclusive, predicted, met.

    With `predict_only`, predictions and undecided measurements are judged by their point value: met or missed.
    """
    counted = [result for result in results if result.severity is BoundSeverity.error]
    verdicts = {_point_verdict(result) if predict_only else result.verdict for result in counted}
    for worst in (Verdict.missed, Verdict.inconclusive, Verdict.predicted):
        if worst in verdicts:
            return worst
    return Verdict.met


def _point_verdict(result: BoundResult) -> Verdict:
    if result.verdict in (Verdict.met, Verdict.missed, Verdict.baseline):
        return result.verdict
    if result.bound.of_last and result.limit is None:
        return Verdict.baseline  # a prediction is not held to what was measured elsewhere
    if result.point_holds is None:
        return Verdict.inconclusive  # arithmetic gives no value: nothing is known of it
    return Verdict.met if result.point_holds else Verdict.missed


def exit_code(verdict: Verdict) -> int:
    """0 met, 3 missed, 4 inconclusive or only predicted."""
    if verdict is Verdict.met:
        return ExitCode.met.value
    return ExitCode.missed.value if verdict is Verdict.missed else ExitCode.undecided.value
