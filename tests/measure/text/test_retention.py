"""Retention and gain: their values, and intervals that tell luck from skill."""

from __future__ import annotations

import math
import random

import pytest

from infopt_compiler.measure.text.estimate import estimate_gain, estimate_retention, gain_of, gain_windows
from infopt_compiler.measure.text.quality import QualityResult, WindowScore


def window(document: str, nll: float, reference: float, equal: int = 80, tokens: int = 100) -> WindowScore:
    return WindowScore(
        document, 0, tokens, 4 * tokens, nll * tokens, reference * tokens, (0.1,) * tokens, equal, ""
    )


def result(*pairs: tuple[float, float]) -> QualityResult:
    return QualityResult(tuple(window(f"d{n}", *pair) for n, pair in enumerate(pairs)))


def test_nothing_lost_is_all_kept() -> None:
    whole = QualityResult(tuple(window(f"d{n}", 2.5, 2.5, equal=100) for n in range(10)))
    for aggregate in ("perplexity", "nll", "top1", "mean", "worst"):
        interval = estimate_retention(whole, aggregate, 0.95)
        assert (interval.value, interval.low, interval.high) == pytest.approx((1, 1, 1))


def test_parts_their_mean_and_the_worst() -> None:
    found = result(*[(3.0, 2.5)] * 10)
    parts = {name: estimate_retention(found, name, 0.95).value for name in ("perplexity", "nll", "top1")}
    assert parts == pytest.approx({"perplexity": math.exp(-0.5), "nll": 2.5 / 3, "top1": 0.8})
    assert estimate_retention(found, "mean", 0.95).value == pytest.approx(sum(parts.values()) / 3)
    assert estimate_retention(found, "worst", 0.95).value == pytest.approx(math.exp(-0.5))


def test_a_gain_is_paired() -> None:
    """Documents differ by nats, both students by a tenth: only the difference counts."""
    rng = random.Random(0)
    levels = [rng.uniform(2, 6) for _ in range(20)]
    control, distilled = result(*[(x + 0.1, 0) for x in levels]), result(*[(x, 0) for x in levels])
    interval = estimate_gain(gain_windows(control, distilled), 0.95)
    assert interval.value == pytest.approx(0.1)
    assert interval.low == pytest.approx(0.1, abs=1e-6)


def test_no_gain_is_not_significant() -> None:
    rng = random.Random(1)
    rows = [
        {"document": f"d{n}", "tokens": 100, "control": 300 + rng.gauss(0, 20), "distilled": 300.0}
        for n in range(20)
    ]
    interval = estimate_gain(rows, 0.95)
    assert interval.low < 0 < interval.high


def test_the_worst_of_both_texts() -> None:
    row = {"document": "d", "tokens": 10, "control": 40.0}
    texts = {"heldout": 30.0, "other": 38.0}
    facts = {
        "quality": {
            name: {"windows": [row | {"document": f"d{n}", "distilled": value} for n in range(9)]}
            for name, value in texts.items()
        }
    }
    values = {
        name: gain_of(facts, name, 0.95, resamples=200, seed=0).value
        for name in ("heldout", "other", "worst")
    }
    assert values == pytest.approx({"heldout": 1.0, "other": 0.2, "worst": 0.2})
    assert gain_of({}, "heldout", 0.95, resamples=200, seed=0).value is None


def test_the_worst_of_both_texts_is_as_unsure_as_either() -> None:
    """The smaller gain is certain, the larger one is not: together they are not."""
    rng = random.Random(0)
    sure = [{"document": f"d{n}", "tokens": 10, "control": 31.0, "distilled": 30.0} for n in range(9)]
    unsure = [row | {"control": 34 + rng.gauss(0, 30)} for row in sure]
    facts = {"quality": {"heldout": {"windows": sure}, "other": {"windows": unsure}}}
    one, other, worst = (
        gain_of(facts, name, 0.95, resamples=200, seed=0) for name in ("heldout", "other", "worst")
    )
    assert one.low > 0 > other.low
    assert (worst.value, worst.low) == (min(one.value or 0, other.value or 0), other.low)
