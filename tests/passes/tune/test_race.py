"""Deciding from samples: what is clear is taken early, what is noise is left."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infopt_compiler.passes.tune.race import NOISE_FLOOR, Contest, Noise, Race, winner


def source(speeds: dict[str, float], noise: float, seed: int = 0, drift: float = 0.0):
    rng, calls = random.Random(seed), []

    def blocks(names):
        found = {}
        for name in names:
            at = math.exp(drift * sum(map(len, calls)))
            calls.append([name])
            found[name] = speeds[name] * at * math.exp(rng.gauss(0, noise))
        return found

    return blocks, calls


def race(speeds, noise, *, rounds=4, least_gain=0.02, seed=0, drift=0.0):
    blocks, calls = source(speeds, noise, seed, drift)
    runner = Race("old", [name for name in speeds if name != "old"], least_gain, Noise())
    contests = runner.run(blocks, rounds=rounds, may_go_on=lambda names: True)
    return {contest.challenger: contest for contest in contests}, calls, contests


def test_a_clear_gain_is_decided_in_two_rounds():
    found, calls, contests = race({"old": 1.0, "new": 0.6}, 0.02)
    assert found["new"].verdict == "better" and found["new"].rounds == 2 and len(calls) == 4
    assert found["new"].gain == pytest.approx(0.4, abs=0.05)
    assert winner("old", contests) == "new"


def test_a_clear_loss_leaves_after_two_rounds():
    found, calls, contests = race({"old": 1.0, "new": 1.5}, 0.02)
    assert found["new"].verdict == "worse" and len(calls) == 4 and winner("old", contests) == "old"


def test_noise_alone_rarely_wins():
    wins = sum(race({"old": 1.0, "new": 1.0}, 0.04, seed=k)[0]["new"].verdict == "better" for k in range(300))
    assert wins <= 15  # 5 %


def test_a_gain_of_ten_percent_is_usually_found_in_five_percent_noise():
    wins = sum(
        race({"old": 1.0, "new": 0.9}, 0.035, seed=k)[0]["new"].verdict == "better" for k in range(200)
    )
    assert wins >= 120


def test_a_gain_below_the_least_is_no_reason_to_change():
    found, _, contests = race({"old": 1.0, "new": 0.985}, 0.0, least_gain=0.02)
    assert found["new"].verdict == "tie" and winner("old", contests) == "old"


def test_rounds_alternate_so_that_a_drift_favours_none():
    found, calls, _ = race({"old": 1.0, "new": 1.0}, 0.0, drift=0.03)
    assert [names[0] for names in calls[:4]] == ["old", "new", "new", "old"]
    assert found["new"].verdict == "tie" and abs(found["new"].difference) < 1e-9


def test_one_round_decides_nothing():
    blocks, _ = source({"old": 1.0, "new": 0.1}, 0.0)
    contests = Race("old", ["new"], 0.02, Noise()).run(blocks, rounds=4, may_go_on=lambda names: False)
    assert contests[0].verdict == "tie" and contests[0].rounds == 1
    assert contests[0].gain_interval == (-math.inf, 1.0)


def test_only_open_challengers_are_measured_again():
    found, calls, _ = race({"old": 1.0, "slow": 1.6, "near": 0.98}, 0.0)
    assert sum(names == ["slow"] for names in calls) == 2
    assert found["near"].rounds >= 2


def test_a_burst_decides_nothing_and_does_not_blind_later_races():
    noise, seconds = Noise(), {"old": iter([1.0, 1.0]), "new": iter([0.4, 1.0])}
    burst = Race("old", ["new"], 0.02, noise)
    (first,) = burst.run(
        lambda names: {name: next(seconds[name]) for name in names},
        rounds=2,
        may_go_on=lambda names: True,
    )
    assert first.verdict == "tie"
    later = Race("old", ["new"], 0.02, noise)
    (second,) = later.run(source({"old": 1.0, "new": 0.6}, 0.0)[0], rounds=2, may_go_on=lambda names: True)
    assert second.verdict == "better"


def contest(name: str, difference: float, margin: float = 0.02) -> Contest:
    return Contest(name, difference, margin, 2, "better")


def test_of_equal_winners_the_simpler_is_taken():
    assert winner("1", [contest("2", -0.50), contest("4", -0.51), contest("8", -0.49)]) == "2"
    assert winner("1", [contest("2", -0.40), contest("4", -0.60), contest("8", -0.61)]) == "4"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8))
@settings(deadline=None)
def test_noise_never_falls_below_the_floor(values):
    noise = Noise()
    noise.learn(values)
    assert noise.deviation >= NOISE_FLOOR
    assert noise.margin(8) < noise.margin(2)
