from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.simulated import KINDS, World, time_bound, trial
from infopt_compiler.budget import Interval, Verdict
from infopt_compiler.measure.settings import PRESETS
from infopt_compiler.measure.statistics.processes import (
    MOST_UNSEEN,
    clustered_limits,
    effective_samples,
    processes_needed,
    unseen,
)

FAST = replace(PRESETS["quick"], seconds=1e9, max_blocks=30)


def test_so_many_processes_show_a_kind_that_could_matter() -> None:
    assert processes_needed(0.5, 0.95) == (5, 5)
    assert processes_needed(0.5, 0.99) == (7, 7)
    assert processes_needed(0.95, 0.99) == (2, 21)
    assert processes_needed(0.95, 0.95) == (1, 14)


def test_fewer_processes_leave_room_for_a_kind_not_seen() -> None:
    seen = Interval(1.0, 0.9, 1.1, 0.99)
    assert unseen(seen, 21, 0.95, 0.99) == seen
    few = unseen(seen, 8, 0.95, 0.99)
    assert (few.low, few.high) == (0.9, MOST_UNSEEN)
    assert "21 do at 0.99 confidence" in (few.note or "")
    median = unseen(seen, 6, 0.5, 0.99)
    assert (median.low, median.high) == (1 / MOST_UNSEEN, MOST_UNSEEN)
    assert unseen(Interval.unknown("no"), 2, 0.5, 0.99) == Interval.unknown("no")


def test_requests_that_are_all_alike_inside_a_process_count_once() -> None:
    alike = [[float(k % 2)] * 20 for k in range(40)]
    assert effective_samples(alike, 0.5, 0.95) == pytest.approx(40, rel=0.08)
    rng = random.Random(0)
    free = [[rng.random() for _ in range(20)] for _ in range(40)]
    assert effective_samples(free, 0.5, 0.95) > 450  # of 800; few blocks cost some


def test_ranks_are_of_the_effective_number() -> None:
    alike = [[float(k)] * 20 for k in range(20)]
    low, high = clustered_limits(alike, 0.5, 0.95)
    assert low is not None and low <= 5
    assert high is not None and high >= 14
    assert clustered_limits(alike, 0.95, 0.95)[1] is None


@pytest.mark.parametrize("name", list(KINDS))
def test_kinds_of_processes_do_not_fool_a_bound_at_the_truth(name: str) -> None:
    """At 99 % each side errs 1 % at most: 2 or more of 20 are met or missed with 2 % then, and up to 14 of 100
    were met where drift alone widened the limits."""
    world = KINDS[name]
    bound = time_bound("p95", world.truth(0.95, 50_000), 0.99)
    found = Counter(trial(world, bound, FAST, seed, {"subject": 1.0})[0] for seed in range(20))
    assert found[Verdict.met] <= 1
    assert found[Verdict.missed] <= 1


@pytest.mark.parametrize(("aggregate", "q"), [("p50", 0.5), ("p95", 0.95)])
def test_what_lies_far_away_is_decided_at_the_first_look(aggregate: str, q: float) -> None:
    """As `quick` samples, at its 95 %: a bound four times over and one four times under the truth."""
    world, quick = World(), replace(PRESETS["quick"], seconds=1e9)
    truth = world.truth(q, 50_000)
    for limit, verdict in ((4 * truth, Verdict.met), (truth / 4, Verdict.missed)):
        found, timing = trial(world, time_bound(aggregate, limit, 0.95), quick, 1, {"subject": 1.0})
        assert (found, timing.analysis) == (verdict, 1)
        assert math.isfinite(timing.interval("tpot", aggregate, 0.95).high)
