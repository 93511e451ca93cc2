"""Limits by drawing documents hold as often as they say, on documents that are skewed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infopt_compiler.budget import Interval
from infopt_compiler.measure.embedding.agreement import Agreement, estimate_embedding
from infopt_compiler.measure.statistics.bootstrap import MOST_RESAMPLES, Clusters, resamples_needed


def drawn(rng: np.random.Generator, count: int, spread: float, confidence: float) -> Interval:
    """The mean of log-normal documents of different lengths."""
    clusters = Clusters([f"d{k:03}" for k in range(count)], "windows", confidence, 100, 0, count)
    sizes = rng.uniform(80, 120, count)
    return clusters.ratio(sizes * np.exp(rng.normal(0, spread, count)), sizes, float, "mean")


@pytest.mark.parametrize("spread", [0.5, 1.0])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize("count", [8, 16, 32])
def test_limits_hold_on_skewed_documents(count: int, confidence: float, spread: float) -> None:
    """Percentiles of resamples miss from above in 8 to 20 % of these at 95 % and in 2 to 12 % at 99 %."""
    rng, rounds = np.random.default_rng(count), 200 if confidence < 0.99 else 100
    truth = math.exp(spread**2 / 2)
    found = [drawn(rng, count, spread, confidence) for _ in range(rounds)]
    most = rounds * (1 - confidence) + 3 * math.sqrt(rounds * confidence * (1 - confidence))
    assert sum(interval.high < truth for interval in found) <= most
    assert sum(interval.low > truth for interval in found) <= most


def test_cosines_of_skewed_documents_are_covered() -> None:
    rng, rounds, short = np.random.default_rng(3), 150, 0
    truth = 1 - 0.01 * math.exp(0.5)
    for _ in range(rounds):
        levels = 0.01 * np.exp(rng.normal(0, 1, 12))
        rows = [
            Agreement(f"d{k}", "", float(1 - level), 1.0) for k, level in enumerate(levels) for _ in range(5)
        ]
        short += estimate_embedding(rows, "cosine", "mean", 0.95, resamples=100, seed=0).low > truth
    assert short / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_differences_of_either_sign_are_covered() -> None:
    rng, rounds, outside = np.random.default_rng(5), 200, [0, 0]
    for _ in range(rounds):
        clusters = Clusters([f"d{k:03}" for k in range(12)], "windows", 0.95, 100, 0, 12)
        found = clusters.ratio(rng.normal(0.1, 1, 12), np.ones(12), float, "mean")
        outside[0] += found.low > 0.1
        outside[1] += found.high < 0.1
    assert max(outside) <= rounds * 0.05 + 3 * math.sqrt(rounds * 0.05 * 0.95)


def test_resamples_follow_the_confidence() -> None:
    assert resamples_needed(0.95, 100) == 400
    assert resamples_needed(0.99, 100) == 2000
    assert resamples_needed(0.95, 5000) == 5000
    assert resamples_needed(0.99999, 100) == MOST_RESAMPLES


def test_a_confidence_beyond_the_resamples_is_told() -> None:
    clusters = Clusters([f"d{k}" for k in range(10)], "windows", 0.99999, 100, 0, 10)
    found = clusters.ratio(np.arange(1.0, 11.0), np.ones(10), float, "mean")
    assert "rests on few resamples: 0.2 of 20000" in (found.note or "")


def test_documents_that_are_all_alike_have_no_width() -> None:
    clusters = Clusters([f"d{k}" for k in range(10)], "windows", 0.95, 100, 0, 10)
    found = clusters.ratio(np.full(10, 0.3), np.full(10, 3.0), float, "mean")
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
