"""Bounds `of last`: the ratio of two runs, each with its own error."""

from __future__ import annotations

import math
import random
from statistics import NormalDist
from types import SimpleNamespace

import pytest

from infopt_compiler.budget import Bound, Earlier, Interval, Operator, Spread, Verdict
from infopt_compiler.measure.judging import UNREADABLE, half_error, is_settled, judge_last, spread_of
from infopt_compiler.units import parse_quantity


def bound(limit: str = "102%", operator: str = "<=", metric: str = "tpot", **more) -> Bound:
    aggregate = "p50" if metric == "tpot" else None
    return Bound(metric, Operator(operator), parse_quantity(limit), aggregate, relative_to="last", **more)


def own(value: float, error: float):
    """Of a normal estimate with a standard error: limits one-sided, as everywhere."""

    def interval(confidence: float) -> Interval:
        reach = NormalDist().inv_cdf(confidence) * error if error else 0.0
        return Interval(value, value - reach, value + reach, confidence, "mean", 10, 3)

    return interval


def job(last: Spread | None, digest: str = "old", confidence: float = 0.95, readable: bool = True):
    asked = bound()
    found = (
        {} if last is None else {asked.figure: Earlier(last, "old", "2026-11-25T10:00:00+00:00", "abc" * 9)}
    )
    earlier = found if readable else None
    return SimpleNamespace(
        earlier=earlier,
        subject=SimpleNamespace(digest=digest),
        confidence=lambda b: b.confidence or confidence,
    )


def last(value: float, error: float) -> Spread:
    return spread_of(own(value, error), 0.95)


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.0100, "met"), (0.0103, "missed"), (0.01019, "inconclusive"), (0.0090, "met")]
)
def test_verdicts(value, verdict):
    judged, interval, limit, ratio = judge_last(
        job(last(0.01, 1e-5), digest="new"), bound(), own(value, 1e-5)
    )
    assert judged.value == verdict
    assert limit == pytest.approx(0.0102) and ratio == pytest.approx(value / 0.01)
    assert interval.value == pytest.approx(value) and interval.confidence == 0.95
    assert interval.low < value < interval.high
    assert interval.note == "against the build of 2026-11-25T10:00:00+00:00 (abcabca)"


def test_both_builds_errors_are_in_the_interval():
    """A previous build that was measured badly makes a sharp one inconclusive."""
    assert judge_last(job(last(0.01, 1e-5)), bound(), own(0.0100, 1e-5))[0] is Verdict.met
    assert judge_last(job(last(0.01, 2e-4)), bound(), own(0.0100, 1e-5))[0] is Verdict.inconclusive
    half = NormalDist().inv_cdf(half_error(0.95))
    low = (0.01 - half * 1e-5) / (0.01 + half * 2e-4)
    interval = judge_last(job(last(0.01, 2e-4)), bound(), own(0.0100, 1e-5))[1]
    assert interval.low == pytest.approx(low * 0.01)


def test_the_first_build_is_not_judged_and_says_so():
    verdict, interval, limit, ratio = judge_last(job(None), bound(), own(0.01, 1e-5))
    assert (verdict, limit, ratio) == (Verdict.baseline, None, None)
    assert "no earlier build" in interval.note


def test_a_history_that_cannot_be_read_is_no_first_build():
    verdict, interval, *_ = judge_last(job(None, readable=False), bound(), own(0.01, 1e-5))
    assert verdict is Verdict.inconclusive and interval.note == UNREADABLE


def test_no_value_is_no_baseline():
    nothing = Interval.unknown("p99 needs 300 requests")
    assert judge_last(job(None), bound(), lambda _: nothing)[0] is Verdict.inconclusive
    assert judge_last(job(last(0.01, 1e-5)), bound(), lambda _: nothing)[0] is Verdict.inconclusive
    assert spread_of(lambda _: nothing, 0.95) is None


def test_the_very_measurement_of_the_last_build_is_no_second_run():
    """The same artifact, its times reused: the ratio is one, however wide the interval was."""
    same = own(0.01, 1e-3)
    judged, interval, _, ratio = judge_last(job(last(0.01, 1e-3)), bound(), same)
    assert (judged, ratio, interval.low) == (Verdict.met, 1.0, 0.01) and "not measured anew" in interval.note
    assert judge_last(job(last(0.01, 1e-3), digest="new"), bound(), same)[0] is Verdict.inconclusive


def test_more_confidence_than_was_kept():
    asked = bound(confidence=0.999)
    verdict, interval, *_ = judge_last(job(last(0.01, 1e-5)), asked, own(0.01, 1e-5))
    assert verdict is Verdict.inconclusive and "so high a confidence" in interval.note
    assert judge_last(job(last(0.01, 1e-5)), bound(confidence=0.99), own(0.01, 1e-5))[0] is Verdict.met


def test_exact_values_and_zero():
    exact = spread_of(lambda _: Interval.exact(5e6), 0.95)
    earlier = {("size", None, None): Earlier(exact, "old", "t")}
    some = SimpleNamespace(earlier=earlier, subject=SimpleNamespace(digest="new"), confidence=lambda b: 0.95)
    size = bound("100%", metric="size")
    assert judge_last(some, size, lambda _: Interval.exact(5e6))[0] is Verdict.met
    assert judge_last(some, size, lambda _: Interval.exact(5e6 + 1))[0] is Verdict.missed
    nothing = judge_last(job(Spread(0.0, {0.975: (0.0, 0.0)})), bound(), own(0.01, 1e-5))
    assert nothing[0] is Verdict.inconclusive and "measured zero" in nothing[1].note


def test_limits_that_touch_zero_are_open():
    """The KL of a window bootstrap may have zero as its lower limit."""
    wide = Spread(0.01, {0.975: (0.0, 0.02)})
    _, interval, *_ = judge_last(job(wide), bound(), own(0.01, 1e-5))
    assert math.isinf(interval.high) and interval.low == pytest.approx(0.005, rel=0.01)


def test_a_baseline_is_sampled_until_its_like_could_be_judged():
    assert not is_settled(job(None), bound(), own(0.01, 2e-4))
    assert is_settled(job(None), bound(), own(0.01, 1e-5))
    assert is_settled(job(None), bound("90%"), own(0.01, 2e-4)), "its like would miss: no sample changes that"
    assert is_settled(job(None, readable=False), bound(), own(0.01, 2e-4))
    assert not is_settled(job(last(0.01, 1e-5)), bound(), own(0.0102, 1e-5))


def test_two_builds_of_the_same_are_rarely_told_apart():
    """A/A over 2,000 pairs of runs at 95%, the limit at their own value: false verdicts either way stay under 5%."""
    draw = random.Random(1)
    verdicts = []
    for _ in range(2000):
        one, two = (draw.gauss(0.01, 1e-4) for _ in range(2))
        verdicts.append(judge_last(job(last(one, 1e-4)), bound("100%"), own(two, 1e-4))[0])
    wrong = len(verdicts) - verdicts.count(Verdict.inconclusive)
    assert wrong / len(verdicts) < 0.05
    found = [judge_last(job(last(draw.gauss(0.01, 1e-5), 1e-5)), bound(), own(draw.gauss(0.0105, 1e-5), 1e-5))[0]
             for _ in range(300)]  # fmt: skip
    assert found.count(Verdict.missed) == 300, "5% more is found"
