"""Intervals of accuracy, where answers are right or wrong and documents are few."""

from __future__ import annotations

import random

import pytest

from infopt_compiler.measure.statistics.limits import share_limits
from infopt_compiler.measure.tasks.answers import estimate_accuracy, estimate_accuracy_ratio

DRAW = {"resamples": 300, "seed": 0}


@pytest.mark.parametrize(
    ("right", "n", "confidence", "limits"),
    [
        (0, 10, 0.95, (0.0, 1 - 0.05 ** (1 / 10))),
        (10, 10, 0.95, (0.05 ** (1 / 10), 1.0)),
        (5, 10, 0.975, (0.18709, 0.81291)),  # the usual two-sided 95% of the tables
        (2.5, 10, 0.975, (0.02521, 0.65245)),  # a half counts against either limit: 2 and 3 of 10
    ],
)
def test_exact_limits_of_a_share(right, n, confidence, limits):
    assert share_limits(right, n, confidence) == pytest.approx(limits, abs=1e-4)


def test_twelve_of_twelve_is_no_certainty():
    found = estimate_accuracy([1.0] * 12, 0.99, **DRAW)
    assert (found.value, found.high, found.samples, found.blocks) == (1.0, 1.0, 12, 12)
    assert found.low == pytest.approx(0.01 ** (1 / 12), abs=1e-6)


def test_two_that_answer_alike_may_still_differ_elsewhere():
    alike = [1.0, 0.0] * 6
    found = estimate_accuracy_ratio(alike, alike, 0.95, **DRAW)
    assert found.value == 1.0 and found.low < 0.6 and found.high > 1.4


def test_many_documents_decide():
    rng = random.Random(0)
    other = [float(rng.random() < 0.6) for _ in range(1000)]
    own = [1 - value if rng.random() < 0.01 else value for value in other]
    found = estimate_accuracy_ratio(own, other, 0.99, **DRAW)
    assert 0.95 < found.low < found.value < found.high < 1.05 and "paired" in found.estimator
    alone = estimate_accuracy(own, 0.99, **DRAW)
    assert (alone.high - alone.low) / alone.value > 2 * (found.high - found.low)  # pairing pays


def test_very_many_documents_are_drawn_in_groups():
    found = estimate_accuracy([1.0, 0.0, 1.0] * 1500, 0.95, **DRAW)
    assert (found.samples, found.blocks) == (4500, 1000) and "1000 groups" in found.estimator
    assert found.low < 2 / 3 < found.high and found.high - found.low < 0.04


def test_a_reference_that_knows_nothing_is_no_measure():
    found = estimate_accuracy_ratio([1.0] * 10, [0.0] * 10, 0.95, **DRAW)
    assert found.value is None and "no document right" in found.note
    rare = estimate_accuracy_ratio([1.0] * 10, [1.0] + [0.0] * 9, 0.95, **DRAW)
    assert rare.value == 10.0 and rare.low < 10.0 and rare.high > 30


@pytest.mark.parametrize("ratio", [0.9, 1.0])
def test_the_limits_hold_as_often_as_they_say(ratio):
    """A hundred tasks of 150 documents: the true ratio lies below the lower limit in about 5 of them at 95%, seldom in more."""
    rng = random.Random(1)
    wrong = 0
    for _ in range(100):
        other = [float(rng.random() < 0.5) for _ in range(150)]
        own = [value if rng.random() < ratio else 0.0 for value in other]
        found = estimate_accuracy_ratio(own, other, 0.95, resamples=400, seed=rng.randrange(1000))
        wrong += not found.low <= ratio <= found.high
    assert wrong <= 15
