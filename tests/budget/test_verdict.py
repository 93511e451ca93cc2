from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.budget import (
    Basis,
    Bound,
    BoundResult,
    BoundSeverity,
    Interval,
    Operator,
    Verdict,
    exit_code,
    judge,
    overall,
)
from infopt_compiler.units import parse_quantity

BOUND = Bound("ttft", Operator.le, parse_quantity("600 ms"), "p95")
numbers = st.floats(-1e6, 1e6)


def result(
    verdict: Verdict, severity: BoundSeverity = BoundSeverity.error, point: bool | None = None
) -> BoundResult:
    bound = replace(BOUND, severity=severity)
    basis = Basis.predicted if verdict is Verdict.predicted else Basis.measured
    return BoundResult(bound, "chat", "s", 0.6, Interval.exact(0.5), basis, verdict, point)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.4, 0.5, Verdict.met),
        (0.4, 0.6, Verdict.met),
        (0.5, 0.7, Verdict.inconclusive),
        (0.61, 0.7, Verdict.missed),
        (0.4, math.inf, Verdict.inconclusive),
        (0.61, math.inf, Verdict.missed),
    ],
)
def test_three_verdicts(low: float, high: float, expected: Verdict) -> None:
    value = None if math.isinf(high) else (low + high) / 2
    assert judge(BOUND, Interval(value, low, high), 0.6) is expected


@given(st.tuples(numbers, numbers, numbers).map(sorted), numbers, st.sampled_from(Operator))
def test_a_wider_interval_never_decides_more(ends, limit: float, operator: Operator) -> None:
    low, value, high = ends
    bound = replace(BOUND, operator=operator)
    narrow = judge(bound, Interval(value, low, high), limit)
    wide = judge(bound, Interval(value, low - 1, high + 1), limit)
    assert wide in (narrow, Verdict.inconclusive)


@given(numbers, numbers)
def test_an_exact_value_always_decides(value: float, limit: float) -> None:
    for operator in Operator:
        assert (
            judge(replace(BOUND, operator=operator), Interval.exact(value), limit) is not Verdict.inconclusive
        )


EXIT_CODES = [
    ([], 0),
    ([result(Verdict.met)], 0),
    ([result(Verdict.met), result(Verdict.missed)], 3),
    ([result(Verdict.inconclusive), result(Verdict.missed)], 3),
    ([result(Verdict.met), result(Verdict.inconclusive)], 4),
    ([result(Verdict.met), result(Verdict.predicted)], 4),
    ([result(Verdict.predicted), result(Verdict.missed)], 3),
    ([result(Verdict.missed, BoundSeverity.warn), result(Verdict.met)], 0),
    ([result(Verdict.inconclusive, BoundSeverity.warn)], 0),
]


@pytest.mark.parametrize(("results", "code"), EXIT_CODES)
def test_exit_codes(results: list[BoundResult], code: int) -> None:
    assert exit_code(overall(results)) == code


@pytest.mark.parametrize(("point", "code"), [(True, 0), (False, 3), (None, 4)])
def test_predict_only_is_met_or_missed(point: bool | None, code: int) -> None:
    results = [result(Verdict.met), result(Verdict.predicted, point=point)]
    assert exit_code(overall(results, predict_only=True)) == code


def test_the_worst_verdict_decides() -> None:
    order = [Verdict.met, Verdict.predicted, Verdict.inconclusive, Verdict.missed]
    for better, worse in pairwise(order):
        assert overall([result(better), result(worse)]) is worse


def test_a_number_that_is_none_decides_nothing():
    assert judge(BOUND, Interval(math.nan, math.nan, math.nan, 0.95, "", 1, 1), 0.6) is Verdict.inconclusive


def test_what_cannot_be_predicted_is_not_missed():
    unknown = result(Verdict.predicted, point=None)
    assert overall([unknown], predict_only=True) is Verdict.inconclusive
