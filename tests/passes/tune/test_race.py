"""Deciding from pairs: what is clear is taken early, what is noise is left, what others disturbed does not count."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infopt_compiler.passes.tune.race import (
    AS_GOOD,
    NOISE_FLOOR,
    TOLERANCE,
    Contest,
    Noise,
    Race,
    Timed,
    fastest,
    run_rounds,
)


def source(speeds: dict[str, float], noise: float, seed: int = 0, drift: float = 0.0):
    """Blocks of known speeds, and what was run in which order."""
    rng, calls = random.Random(seed), []

    def blocks(names):
        found = {}
        for name in names:
            at = math.exp(drift * sum(map(len, calls)))
            calls.append([name])
            found[name] = Timed(speeds[name] * at * math.exp(rng.gauss(0, noise)))
        return found

    return blocks, calls


def race(
    speeds, noise, *, rounds=4, least_gain=0.02, seed=0, drift=0.0, patient=(), go_on=lambda names: True
):
    blocks, calls = source(speeds, noise, seed, drift)
    run = Race(least_gain)
    rivals = [name for name in speeds if name != "old"]
    run_rounds(run, "old", rivals, blocks, rounds=rounds, may_go_on=go_on, patient=patient)
    return {name: run.contest(name, "old") for name in rivals}, calls


def test_a_clear_gain_is_decided_in_two_rounds():
    found, calls = race({"old": 1.0, "new": 0.6}, 0.02)
    assert found["new"].verdict == "better" and found["new"].rounds == 2 and len(calls) == 4
    assert found["new"].gain == pytest.approx(0.4, abs=0.05)
    assert fastest(found) == "new"


def test_what_is_far_slower_on_a_quiet_machine_takes_one_round():
    found, calls = race({"old": 1.0, "new": 1.5}, 0.02)
    assert found["new"].verdict == "worse" and len(calls) == 2 and fastest(found) is None
    found, calls = race({"old": 1.0, "new": 1.5}, 0.02, patient=["new"])
    assert found["new"].verdict == "worse" and len(calls) == 4, "how much slower is to be known"


def test_noise_alone_rarely_wins():
    wins = sum(race({"old": 1.0, "new": 1.0}, 0.04, seed=k)[0]["new"].verdict == "better" for k in range(300))
    assert wins <= 15  # 5 %


def test_a_gain_of_ten_percent_is_usually_found_in_five_percent_noise():
    wins = sum(
        race({"old": 1.0, "new": 0.9}, 0.035, seed=k)[0]["new"].verdict == "better" for k in range(200)
    )
    assert wins >= 120


def test_a_gain_below_the_least_is_no_reason_to_change():
    found, _ = race({"old": 1.0, "new": 0.985}, 0.0, least_gain=0.02)
    assert found["new"].verdict == "tie" and fastest(found) is None


def test_rounds_alternate_so_that_a_drift_favours_none():
    found, calls = race({"old": 1.0, "new": 1.0}, 0.0, drift=0.03)
    assert [names[0] for names in calls[:4]] == ["old", "new", "new", "old"]
    assert found["new"].verdict == "tie"
    assert abs(found["new"].difference) <= 0.03 / 3 + 1e-9, (
        "an odd round leaves its share of one step of the drift"
    )


def test_one_round_decides_for_nobody():
    found, _ = race({"old": 1.0, "new": 0.1}, 0.0, rounds=1)
    assert found["new"].verdict == "tie" and found["new"].rounds == 1 and found["new"].is_open
    assert found["new"].gain_interval == (-math.inf, 1.0)


def test_without_time_nothing_is_run():
    found, calls = race({"old": 1.0, "new": 0.1}, 0.0, go_on=lambda names: False)
    assert found["new"] is None and not calls


def test_only_open_challengers_are_measured_again():
    found, calls = race({"old": 1.0, "slow": 1.6, "near": 0.98}, 0.0)
    assert sum(names == ["slow"] for names in calls) == 1
    assert found["near"].rounds >= 2


def test_a_burst_decides_nothing_and_does_not_blind_later_races():
    run, seconds = Race(0.02), {"old": iter([1.0, 1.0]), "new": iter([0.4, 1.0])}

    def burst(names):
        return {name: Timed(next(seconds[name])) for name in names}

    run_rounds(run, "old", ["new"], burst, rounds=2, may_go_on=lambda names: True)
    assert run.contest("new", "old").verdict == "tie"
    blocks = source({"old": 1.0, "other": 0.6}, 0.0)[0]
    run_rounds(run, "old", ["other"], blocks, rounds=2, may_go_on=lambda names: True)
    assert run.contest("other", "old").verdict == "better"


def pairs(*rounds: tuple[float, float, bool]) -> Race:
    run = Race(0.02)
    for old, new, disturbed in rounds:
        run.add({"old": Timed(old), "new": Timed(new, disturbed, 0.5)})
    return run


def test_quiet_pairs_count_alone_while_they_are_half():
    found = pairs((1.0, 3.0, True), (1.0, 0.5, False), (1.0, 0.5, False)).contest("new", "old")
    assert found.verdict == "better" and not found.disturbed and found.rounds == 2
    found = pairs((1.0, 3.0, True), (1.0, 0.5, False)).contest("new", "old")
    assert found.disturbed and found.rounds == 2
    found = pairs((1.0, 0.5, True), (1.0, 0.5, True), (1.0, 0.5, False)).contest("new", "old")
    assert found.disturbed and found.rounds == 3 and found.verdict == "better"
    assert not found.wins and fastest({"new": found}) is None, "what holds beside other work decides nothing"


def test_one_disturbed_pair_drops_nobody():
    assert pairs((1.0, 3.0, True)).contest("new", "old").verdict == "tie"
    assert pairs((1.0, 3.0, False)).contest("new", "old").verdict == "worse"


def test_what_an_earlier_search_saw_counts():
    run = pairs((1.0, 0.97, False))
    assert run.contest("new", "old").is_open
    run.known["new", "old"] = [math.log(0.97)] * 5
    found = run.contest("new", "old")
    assert found.rounds == 6 and not found.is_open


def test_open_and_as_good():
    assert Contest(0.0, TOLERANCE + 0.01, 2, "tie").is_open and not Contest(0.0, 0.03, 2, "tie").is_open
    assert not Contest(-0.3, 0.1, 2, "better").is_open
    assert Contest(0.0, AS_GOOD - 0.005, 2, "tie").is_as_good
    assert not Contest(0.02, 0.02, 2, "tie").is_as_good


def contest(difference: float, margin: float = 0.02) -> Contest:
    return Contest(difference, margin, 2, "better")


def test_of_equal_winners_the_simpler_is_taken():
    assert fastest({"2": contest(-0.50), "4": contest(-0.51), "8": contest(-0.49)}) == "2"
    assert fastest({"2": contest(-0.40), "4": contest(-0.60), "8": contest(-0.61)}) == "4"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8))
@settings(deadline=None)
def test_noise_never_falls_below_the_floor(values):
    noise = Noise()
    noise.learn(values)
    assert noise.deviation >= NOISE_FLOOR
    assert noise.margin(8) < noise.margin(2)
