from __future__ import annotations

import math
import random

import pytest

from infopt_compiler.measure.requests.estimate import estimate, estimate_ratio
from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request


def block(rng: random.Random, scale: float = 1.0, requests: int = 15, noise: float = 0.05) -> Block:
    made = []
    for _ in range(requests):
        gaps = tuple(0.01 * scale * math.exp(rng.gauss(0, noise)) for _ in range(9))
        ttft = 0.2 * scale * math.exp(rng.gauss(0, noise))
        made.append(Request(ttft, ttft * 0.99, ttft + sum(gaps), gaps, 128))
    wall = sum(request.latency for request in made)
    return Block(tuple(made), wall, 0.5 * scale, int(2e8), int(1.9e8))


def samples(seed: int, blocks: int = 6, scale: float = 1.0, drift: float = 0.0) -> BlockSamples:
    rng = random.Random(seed)
    return BlockSamples(tuple(block(rng, scale * math.exp(rng.gauss(0, drift))) for _ in range(blocks)))


def test_definitions() -> None:
    request = Request(0.2, 0.19, 0.29, (0.01,) * 9, 128, sequences=2)
    one = BlockSamples((Block((request,), 0.3, 0.5, 10, 9),))
    assert request.output_tokens == 10
    assert one.pooled("tpot") == [pytest.approx(0.01)]
    assert one.pooled("decode") == [pytest.approx(100)]
    assert one.pooled("itl") == [0.01] * 9
    assert one.pooled("throughput") == [pytest.approx(20 / 0.3)]
    assert one.pooled("throughput.total") == [pytest.approx(276 / 0.3)]
    assert BlockSamples.from_json(one.to_json()) == one


def test_drift_between_processes_widens_the_interval() -> None:
    calm, drifting = (estimate(samples(3, drift=d), "tpot", "p50", 0.95) for d in (0.0, 0.15))
    assert drifting.high - drifting.low > 3 * (calm.high - calm.low)


def test_limits_hold_under_drift() -> None:
    """The median of all processes, not of those that happened to run: 5 % may be outside on each side."""
    rounds, truth = 200, 0.2
    found = [estimate(samples(seed, drift=0.1), "ttft", "p50", 0.95) for seed in range(rounds)]
    assert sum(interval.high >= truth for interval in found) / rounds >= 0.91
    assert sum(interval.low <= truth for interval in found) / rounds >= 0.91


def test_p99_of_ninety_requests_is_not_reported() -> None:
    interval = estimate(samples(0), "ttft", "p99", 0.95)
    assert interval.value is None
    assert "needs 299" in (interval.note or "")
    assert estimate(samples(0), "ttft", "p95", 0.95).value is not None


def test_pairs_cancel_the_drift_that_they_share() -> None:
    rng = random.Random(5)
    drifts = [math.exp(rng.gauss(0, 0.2)) for _ in range(6)]
    subject = BlockSamples(tuple(block(rng, 1.1 * drift) for drift in drifts))
    reference = BlockSamples(tuple(block(rng, drift) for drift in drifts))
    ratio = estimate_ratio(subject, reference, "tpot", "p50", 0.95)
    assert ratio.value == pytest.approx(1.1, rel=0.02)
    assert 1.05 < ratio.low <= ratio.high < 1.15
    tail = estimate_ratio(subject, reference, "ttft", "p90", 0.95)
    assert tail.value is not None
    assert tail.high - tail.low > ratio.high - ratio.low


def test_one_token_has_no_tpot() -> None:
    lone = Request(0.2, 0.19, 0.2, (), 128)
    found = estimate(BlockSamples((Block((lone,), 0.2, 0.5, 10, 9),)), "tpot", "p50", 0.95)
    assert found.value is None


def test_memory_is_the_highest_process() -> None:
    rng = random.Random(0)
    blocks = [Block(block(rng).requests, 1.0, 0.5, peak, 1) for peak in (100, 110, 105)]
    found = estimate(BlockSamples(tuple(blocks)), "memory.peak", None, 0.95)
    assert found.value == 110
    assert found.low <= 100
    assert found.high >= 110
    assert "the next one" in found.estimator
    alone = estimate(BlockSamples(tuple(blocks[:1])), "memory.peak", None, 0.95)
    assert alone.high == math.inf


def test_gaps_of_too_few_requests_give_no_tail_of_gaps() -> None:
    """90 requests have 810 gaps, which are not 810 independent ones: p99 needs 299 requests at 95 %."""
    few = estimate(samples(5), "itl", "p99", 0.95)
    assert few.value is None and few.high == math.inf
    assert "p99 needs the gaps of 299 requests at 0.95 confidence, 90 were made" in few.note
    assert estimate(samples(5, blocks=24), "itl", "p99", 0.95).value is not None


def test_the_next_process_keeps_within_the_limits_of_memory() -> None:
    """A bound is on every process's peak, not on their mean: 5 % of next ones may be outside on each side."""
    rng, rounds, outside = random.Random(4), 400, [0, 0]
    one = block(rng).requests
    for _ in range(rounds):
        *peaks, following = (int(rng.gauss(1e8, 1e6)) for _ in range(5))
        made = BlockSamples(tuple(Block(one, 1.0, 0.5, peak, 1) for peak in peaks))
        found = estimate(made, "memory.peak", None, 0.95)
        outside[0] += following < found.low
        outside[1] += following > found.high
    assert max(outside) / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_memory_relative_to_another_is_that_of_the_next_processes_too() -> None:
    one = block(random.Random(0)).requests

    def made(*peaks: int) -> BlockSamples:
        return BlockSamples(tuple(Block(one, 1.0, 0.5, peak, 1) for peak in peaks))

    sides = made(100, 120, 110), made(200, 220, 210)
    found = estimate_ratio(*sides, "memory.peak", None, 0.95)
    own, other = (estimate(side, "memory.peak", None, 0.975) for side in sides)
    assert found.value == pytest.approx(120 / 220)
    assert (found.low, found.high) == pytest.approx((own.low / other.high, own.high / other.low))
    assert found.low < 100 / 220 and found.high > 120 / 200 and found.confidence == 0.95
    few = estimate_ratio(made(100, 105), made(200, 260), "memory.peak", None, 0.95)
    assert few.value == pytest.approx(105 / 260)  # two processes leave the limit above open, not the value
    assert few.high == math.inf and few.low >= 0


def test_a_maximum_says_that_it_is_of_those_observed() -> None:
    found = estimate(samples(1), "ttft", "max", 0.95)
    assert found.low == found.high == found.value
    assert "largest of 90 observed" in (found.note or "") and "not made" in (found.note or "")
    ratio = estimate_ratio(samples(1), samples(2), "ttft", "max", 0.95)
    assert "largest of 90 observed" in (ratio.note or "")


def test_a_ratio_of_medians_of_few_pairs_leaves_room_for_a_kind_not_seen() -> None:
    few, enough = (estimate_ratio(samples(1, n), samples(2, n), "tpot", "p50", 0.95) for n in (4, 5))
    assert few.value and few.high >= 3 * few.value and few.low <= few.value / 3
    assert enough.high < 1.5


def test_the_note_of_too_few_names_the_confidence_that_was_asked() -> None:
    """An interim analysis spends half of the error: it takes more samples than a single one with all the error would."""
    note = estimate(samples(0), "ttft", "p99", 0.995, 0.99).note or ""
    assert "p99 needs 459 samples at 0.99 confidence in a single analysis (528 at this one of several" in note
    assert "90 were taken" in note
    gaps = estimate(samples(0), "itl", "p99", 0.995, 0.99).note or ""
    assert "p99 needs the gaps of 459 requests at 0.99 confidence" in gaps
    assert "needs 299 samples at 0.95 confidence, 90 were taken" in (
        estimate(samples(0), "ttft", "p99", 0.95).note or ""
    )
