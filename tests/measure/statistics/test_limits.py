from __future__ import annotations

import math
import random
import statistics as stdlib
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import World, ratio_bound, time_bound, trial
from infopt_compiler.budget import Verdict
from infopt_compiler.measure.settings import PRESETS, MeasureSettings
from infopt_compiler.measure.statistics.limits import (
    drift_factor,
    interim_confidence,
    log_mean_interval,
    mean_interval,
    percentile_interval,
    ranks,
    samples_needed,
    share_limits,
    t_quantile,
    tolerance_factor,
)
from infopt_compiler.measure.statistics.processes import processes_needed


@pytest.mark.parametrize(
    ("q", "confidence", "count"), [(0.9, 0.99, 44), (0.99, 0.99, 459), (0.95, 0.95, 59), (0.99, 0.95, 299)]
)
def test_the_published_counts(q: float, confidence: float, count: int) -> None:
    """MLPerf's early stopping: so many requests with none over the bound; one fewer is too few."""
    assert samples_needed(q, confidence) == count
    assert ranks(count, q, confidence)[1] == count
    assert ranks(count - 1, q, confidence)[1] is None


@pytest.mark.parametrize(("q", "n"), [(0.5, 20), (0.9, 60), (0.95, 100), (0.99, 400)])
def test_percentile_limits_hold_as_often_as_they_say(q: float, n: int) -> None:
    """Each limit by simulation, on a distribution with a heavy tail: the method must not care."""
    rng, rounds = random.Random(0), 1500
    truth = (1 - q) ** -0.5  # quantile of a Pareto distribution of exponent 2
    low = high = 0
    for _ in range(rounds):
        interval = percentile_interval([(1 - rng.random()) ** -0.5 for _ in range(n)], q, 0.95)
        low += interval.low <= truth
        high += interval.high >= truth
    slack = 3 * math.sqrt(0.95 * 0.05 / rounds)
    assert low / rounds >= 0.95 - slack
    assert high / rounds >= 0.95 - slack


def test_too_few_samples_are_never_reported_as_the_percentile() -> None:
    interval = percentile_interval(list(range(60)), 0.99, 0.95)
    assert interval.value is None
    assert interval.high == math.inf
    assert "needs 299 samples" in (interval.note or "")
    assert "60 were taken" in (interval.note or "")


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e3), min_size=80, max_size=200), st.sampled_from([0.5, 0.9, 0.95]))
def test_limits_surround_the_value_and_ignore_order(samples: list[float], q: float) -> None:
    interval = percentile_interval(samples, q, 0.95)
    assert interval.value is not None
    assert interval.low <= interval.value <= interval.high
    assert percentile_interval(sorted(samples), q, 0.95) == interval
    wider = percentile_interval(samples, q, 0.98)
    assert wider.low <= interval.low
    assert wider.high >= interval.high


@pytest.mark.parametrize(
    ("p", "df", "value"),
    [(0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 5, 2.5706), (0.95, 10, 1.8125), (0.99, 30, 2.4573)],
)
def test_t_quantiles_of_the_tables(p: float, df: int, value: float) -> None:
    assert t_quantile(p, df) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("p", [0.6, 0.9, 0.975, 0.9995])
def test_t_quantiles_of_few_samples_are_the_closed_forms(p: float) -> None:
    """Of one degree of freedom (Cauchy) and of two."""
    assert t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9)
    assert t_quantile(p, 2) == pytest.approx((2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p))), rel=1e-9)


def at_most(n: int, k: int, q: Fraction) -> Fraction:
    """P(Bin(n, q) <= k), exactly."""
    return sum((math.comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k + 1)), Fraction(0))


@pytest.mark.parametrize("q", [Fraction(1, 2), Fraction(9, 10), Fraction(19, 20)])
@pytest.mark.parametrize("n", [1, 4, 20, 61])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.9975])
def test_ranks_are_those_of_exact_binomials(n: int, q: Fraction, confidence: float) -> None:
    level = Fraction(str(confidence))
    lower = [k for k in range(1, n + 1) if 1 - at_most(n, k - 1, q) >= level]
    upper = [k for k in range(1, n + 1) if at_most(n, k - 1, q) >= level]
    wanted = (lower[-1] if lower else None, upper[0] if upper else None)
    assert ranks(n, float(q), confidence) == wanted


@pytest.mark.parametrize(("right", "n"), [(0, 12), (1, 12), (6, 12), (11, 12), (12, 12), (250, 400)])
def test_shares_end_where_the_exact_binomial_says(right: int, n: int) -> None:
    low, high = share_limits(right, n, 0.975)
    if right:
        assert float(1 - at_most(n, right - 1, Fraction(low))) == pytest.approx(0.025, rel=1e-9)
    if right < n:
        assert float(at_most(n, right, Fraction(high))) == pytest.approx(0.025, rel=1e-9)
    assert (low == 0) == (right == 0) and (high == 1) == (right == n)


@pytest.mark.parametrize("confidence", [0.005, 0.05, 0.9, 0.995])
@pytest.mark.parametrize("n", [2, 3, 6, 30])
def test_the_tolerance_factor_of_a_median_is_student_s(n: int, confidence: float) -> None:
    """Few processes too, where an integral by hand was up to 3 % off."""
    wanted = t_quantile(confidence, n - 1) / math.sqrt(n)
    assert tolerance_factor(n, 0.5, confidence) == pytest.approx(wanted, rel=1e-9)


def test_t_tends_to_the_normal() -> None:
    assert t_quantile(0.975, 10_000) == pytest.approx(stdlib.NormalDist().inv_cdf(0.975), abs=1e-3)


def test_means_hold_as_often_as_they_say() -> None:
    rng, rounds = random.Random(1), 2000
    covered = sum(mean_interval([rng.gauss(5, 2) for _ in range(6)], 0.95).high >= 5 for _ in range(rounds))
    assert covered / rounds == pytest.approx(0.95, abs=0.02)


def test_ratios_are_symmetric() -> None:
    forth, back = (
        log_mean_interval([1.1, 1.2, 1.3], 0.95),
        log_mean_interval([1 / 1.1, 1 / 1.2, 1 / 1.3], 0.95),
    )
    assert forth.value is not None
    assert back.value == pytest.approx(1 / forth.value)
    assert back.low == pytest.approx(1 / forth.high)


def test_one_process_says_nothing_of_drift() -> None:
    assert drift_factor([1.0], 0.95) == math.inf
    assert drift_factor([1.0, 1.0, 1.0], 0.95) == pytest.approx(1.0)


@given(st.floats(0.8, 0.999), st.integers(1, 8))
def test_all_looks_together_spend_the_error_once(confidence: float, last: int) -> None:
    spent = sum(
        1 - interim_confidence(confidence, analysis, last=analysis == last) for analysis in range(1, last + 1)
    )
    assert spent == pytest.approx(1 - confidence)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_typical_values_are_decided_at_the_first_look_and_p95_at_the_second(preset: MeasureSettings) -> None:
    assert preset.min_blocks >= max(processes_needed(0.5, 0.99))
    first, second = (interim_confidence(preset.confidence, analysis, last=False) for analysis in (1, 2))
    assert preset.min_blocks * preset.requests >= samples_needed(0.95, first)  # of far limits
    assert 2 * preset.min_blocks >= max(processes_needed(0.95, preset.confidence)) + 2  # some may be busy
    assert 2 * preset.min_blocks * preset.requests >= samples_needed(0.95, second)


def test_precise_judges_p99_at_its_first_look() -> None:
    preset = PRESETS["precise"]
    first = interim_confidence(preset.confidence, 1, last=False)
    assert preset.min_blocks >= max(processes_needed(0.99, preset.confidence))
    assert preset.min_blocks * preset.requests >= samples_needed(0.99, first)


@pytest.mark.parametrize(("n", "factor"), [(6, 3.708), (10, 2.911), (30, 2.220)])
def test_tolerance_factors_of_the_tables(n: int, factor: float) -> None:
    assert tolerance_factor(n, 0.95, 0.95) == pytest.approx(factor, abs=2e-3)


@pytest.mark.parametrize(("aggregate", "q"), [("p50", 0.5), ("p95", 0.95)])
def test_a_bound_at_the_truth_is_rarely_decided_wrongly(aggregate: str, q: float) -> None:
    """Simulated processes that drift by ±15 %, through sampling, analyses and judging. At 99 % each side errs 1 % at most;
    order statistics alone err up to one time in ten here."""
    world, rounds = World(), 250
    fast = replace(
        PRESETS["quick"], seconds=1e9, max_blocks=24
    )  # enough for p95 at 99 %: 21 processes, 104 requests
    assert (
        trial(world, time_bound(aggregate, 10 * world.truth(q, 10_000), 0.99), fast, 0, {"subject": 1.0})[0]
        is Verdict.met
    )
    bound = time_bound(aggregate, world.truth(q, 100_000), 0.99)
    found = Counter(trial(world, bound, fast, seed, {"subject": 1.0})[0] for seed in range(rounds))
    assert found[Verdict.met] <= 7
    assert found[Verdict.missed] <= 7  # 8 or more of 250 at 1 %: 0.4 %


def test_a_slowdown_of_five_percent_is_found_and_equals_are_not_told_apart() -> None:
    world = World(drift=0.02, machine=0.075)
    patient = replace(PRESETS["standard"], seconds=1e9, max_blocks=40)
    bound = ratio_bound("p50", 1.0, 0.99)
    slower, same = (
        Counter(trial(world, bound, patient, seed, {"subject": s, "reference": 1.0})[0] for seed in range(60))
        for s in (1.05, 1.0)
    )
    assert slower[Verdict.missed] >= 55
    assert slower[Verdict.met] == 0
    assert same[Verdict.missed] + same[Verdict.met] <= 4
