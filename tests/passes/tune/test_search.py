"""Searching settings on a machine whose answers are known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infopt_compiler.passes.tune.race import TOLERANCE, Contest
from infopt_compiler.passes.tune.search import SLOW
from infopt_compiler.passes.tune.settings import DecoderSettings, neighbours, predicted, thread_counts
from tests.passes.tune.machine import ALL, DEFAULT, PREDICTED, USUAL, Machine, search


def tuned(machine: Machine, *, candidates=(PREDICTED,), **more):
    run = search(machine, **more)
    return run, run.run(ALL, list(candidates))


def test_what_is_predicted_best_is_confirmed_soon():
    machine = Machine()
    _, found = tuned(machine)
    assert found.chosen == PREDICTED and not found.open
    assert found.gain.verdict == "better" and found.gain.rounds >= 2
    assert found.gain.gain == pytest.approx(1 - 0.6 * 0.7 * 0.9 * 0.93, abs=0.03)
    reasons = {decision.setting: decision.reason for decision in found.decisions}
    assert reasons["threads"].startswith("0 takes 6") and reasons["threads"].endswith("% more time")
    assert reasons["fuse_gate_up"] == "nothing is better beyond noise"
    assert machine.now < 45, "half of the time that is allowed"


def test_a_slow_default_does_not_eat_the_time():
    """8 bits at level 0: 350 ms a token, 22 s a request; every setting was `not tried: no time left`, and it shipped."""
    machine = Machine({**USUAL, "head_accuracy_level": 0.2, "accuracy_level": 0.2}, request=22.0)
    _, found = tuned(machine)
    assert found.chosen == PREDICTED and found.by_short and found.gain.rounds == 2
    assert found.gain.gain > 0.9 and machine.now <= 90
    assert [load.short for ran, load in machine.ran if ran == DEFAULT] == [True, True]
    level = next(decision for decision in found.decisions if decision.setting == "accuracy_level")
    assert level.value == 4 and level.tried["0"].verdict == "worse" and "more time" in level.reason


def test_a_default_slower_than_the_limit_is_abandoned():
    machine = Machine({**USUAL, "accuracy_level": 0.005}, request=200.0)
    run, found = tuned(machine)
    assert found.chosen == PREDICTED and found.gain is None and found.by_short
    assert "abandoned" in run.failures[DEFAULT] and machine.now <= 90


def test_where_time_ends_the_race_the_best_that_was_tried_ships():
    machine = Machine()
    _, found = tuned(machine, seconds=4.0)
    assert found.chosen == PREDICTED, "tried, and faster than the default in a pair"
    assert any("no time left" in one for one in found.open)
    assert found.gain.rounds == 1 and found.gain.difference < 0


def test_a_busy_machine_ships_no_default_and_says_so():
    """Beside a process that takes a core: one noisy round did not confirm, and one thread at level 0 shipped."""
    for seed in range(20):
        _, found = tuned(Machine(busy=lambda now: True, seed=seed))
        assert found.chosen == PREDICTED and not found.open
        assert found.gain.disturbed or any(t.disturbed for d in found.decisions for t in d.tried.values())


def test_a_burst_does_not_count_where_quiet_rounds_follow():
    machine = Machine(busy=lambda now: 14 < now < 18)
    _, found = tuned(machine)
    assert found.chosen == PREDICTED and not found.gain.disturbed


def test_a_prediction_that_is_wrong_here_is_taken_back():
    _, found = tuned(Machine({**USUAL, "threads": 1.4}))
    assert found.chosen == DecoderSettings(0, 4, 4, True)
    assert "less time than 2" in found.decisions[1].reason and found.gain.verdict == "better"


def test_a_final_check_that_decides_nothing_is_not_final():
    """A single pair, or a tie in which the default may be faster by more than may be lost, was a final result."""
    names = {"threads": 0, "accuracy_level": 0, "head_accuracy_level": 0, "prune_head": False}
    steps = {**names, "fuse_gate_up": True, "separate_qkv": True}
    worse = Contest(0.5, 0.1, 2, "worse")
    settled = {(PREDICTED.with_value(*step), PREDICTED): worse for step in steps.items()}
    _, found = tuned(Machine({"threads": 0.8}), seconds=4.0, settled=settled)
    assert found.gain.rounds == 1
    assert found.open == ["the artifact as it came may be faster: a single pair of blocks decides nothing"]
    for seed in range(20):
        _, found = tuned(Machine({"threads": 1.04}, noise=0.08, seed=seed), rounds=2)
        gain = found.gain
        if found.chosen != DEFAULT and gain.verdict == "tie" and gain.gain_interval[0] < -2 * TOLERANCE:
            assert any("the artifact as it came may be up to" in one for one in found.open)


def test_the_default_ships_where_it_is_faster():
    _, found = tuned(Machine(dict.fromkeys(USUAL, 1.3)))
    assert found.chosen == DEFAULT


def test_a_setting_as_good_as_the_simpler_one_is_dropped():
    _, found = tuned(Machine({**USUAL, "prune_head": 1.0}, noise=0.002))
    assert not found.chosen.prune_head and found.chosen.threads == 2
    assert (
        next(d for d in found.decisions if d.setting == "prune_head").reason == "as fast as true, and simpler"
    )


def test_what_was_not_predicted_is_found():
    _, found = tuned(Machine({**USUAL, "fuse_gate_up": 0.85}))
    assert found.chosen == DecoderSettings(2, 4, 4, True, True)


def test_changes_are_run_together_before_they_ship():
    both = {**USUAL, "fuse_gate_up": 0.85, "separate_qkv": 0.8}
    _, found = tuned(Machine(both))
    assert found.chosen.fuse_gate_up and found.chosen.separate_qkv
    machine = Machine({**both, "fuse_gate_up+separate_qkv": 2.0})
    _, found = tuned(machine)
    assert found.chosen == DecoderSettings(2, 4, 4, True, False, True), "the better of both alone"
    assert "did not hold" in next(d for d in found.decisions if d.setting == "fuse_gate_up").reason


def test_a_combination_that_others_disturbed_is_not_decided():
    """The moves had won on a quiet machine; the race of both together was disturbed, and the loss of one was final."""

    class Crowded(Machine):
        def block(self, settings, number, load):
            together = settings.fuse_gate_up and settings.separate_qkv
            self.busy = lambda now: together
            return super().block(settings, number, load)

    factors = {**USUAL, "fuse_gate_up": 0.8, "separate_qkv": 0.85}
    for seed in range(10):
        _, found = tuned(Crowded(factors, seed=seed), seconds=300.0)
        assert found.chosen == DecoderSettings(2, 4, 4, True, True), "the better of both alone, meanwhile"
        reason = "its combination with the other changes is not decided"
        assert f"separate_qkv: {reason}" in found.open
    _, found = tuned(Machine({**factors, "fuse_gate_up+separate_qkv": 2.0}), seconds=300.0)
    assert not found.open, "what did not hold on a quiet machine is decided"


def test_a_refused_setting_stays_and_says_why():
    _, found = tuned(Machine(refuse=("accuracy_level",)))
    assert found.chosen == DecoderSettings(2, 0, 4, True)
    level = next(decision for decision in found.decisions if decision.setting == "accuracy_level")
    assert level.reason == "refused: it costs too much" and level.value == 0


@pytest.mark.parametrize("seconds", [20.0, 90.0, 300.0])
@pytest.mark.parametrize(
    "earlier", [(), (DecoderSettings(2, 0, 0, True),), (DecoderSettings(2, 4, 0, True),)]
)
def test_no_refused_level_comes_back_as_a_rival(seconds, earlier):
    """It was given up for the start, raced against it as a candidate all the same, won, and shipped."""
    both = ("head_accuracy_level", "accuracy_level")
    _, found = tuned(Machine(refuse=both), candidates=(*earlier, PREDICTED), seconds=seconds)
    assert found.chosen == DecoderSettings(2, 0, 0, True)
    reasons = {decision.setting: decision.reason for decision in found.decisions}
    assert reasons["accuracy_level"] == reasons["head_accuracy_level"] == "refused: it costs too much"


def test_levels_that_cost_too_much_together_do_not_ship_together():
    """Each alone is allowed: two moves, both of which won, make a third variant."""

    class Dear(Machine):
        def allowed(self, settings):
            if settings.accuracy_level and settings.head_accuracy_level:
                refused = {"accuracy_level": "refused: together they cost too much"}
                return settings.with_value("accuracy_level", 0), refused
            return settings, {}

    for candidates in ([DEFAULT], [PREDICTED], [DecoderSettings(2, 4, 0, True), PREDICTED]):
        _, found = tuned(Dear(), candidates=candidates, seconds=300.0)
        level = next(d for d in found.decisions if d.setting == "accuracy_level")
        assert not (found.chosen.accuracy_level and found.chosen.head_accuracy_level)
        assert level.value or level.reason == "refused: together they cost too much"


def test_a_variant_that_cannot_be_served_is_left_out():
    _, found = tuned(Machine({**USUAL, "separate_qkv": 0.5}, broken=("separate_qkv",)))
    assert found.chosen == PREDICTED
    assert (
        next(d for d in found.decisions if d.setting == "separate_qkv").reason == "not taken: does not load"
    )
    _, found = tuned(Machine(broken=("prune_head",)))
    assert not found.chosen.prune_head and found.chosen != DEFAULT


def test_an_earlier_choice_stays_unless_it_is_beaten():
    earlier = DecoderSettings(2, 4, 4, True, True)
    _, found = tuned(Machine({**USUAL, "fuse_gate_up": 0.9}), candidates=(earlier, PREDICTED))
    assert found.chosen == earlier
    _, found = tuned(Machine({**USUAL, "fuse_gate_up": 1.3}), candidates=(earlier, PREDICTED))
    assert found.chosen == PREDICTED


def test_what_an_earlier_search_settled_is_not_run_again():
    machine = Machine()
    worse = Contest(0.5, 0.1, 2, "worse")
    steps = [("threads", 0), ("fuse_gate_up", True), ("separate_qkv", True)]
    settled = {(PREDICTED.with_value(*step), PREDICTED): worse for step in steps}
    _, found = tuned(machine, settled=settled)
    assert found.chosen == PREDICTED and all(ran.threads == 2 or ran == DEFAULT for ran, _ in machine.ran)
    assert next(d for d in found.decisions if d.setting == "threads").tried == {"0": worse}, "still told"


def test_a_default_that_is_a_candidate_is_screened_once():
    """Its second short request was abandoned in a burst, by the limit that the first had set: it counted as failed."""

    class Burst(Machine):
        def seconds(self, settings):
            return super().seconds(settings) * (4.0 if 0 < self.now < 20 else 1.0)

    machine = Burst(request=40.0, start=0.1)
    run = search(machine, seconds=60.0)
    run.run(ALL, [DEFAULT])
    assert DEFAULT not in run.failures
    assert len([1 for found in run.shorts.rounds if found.keys() == {DEFAULT}]) == 1


def test_short_requests_make_blocks_of_many():
    machine = Machine(request=0.008, start=0.3)
    run, found = tuned(machine)
    assert run.load.requests * machine.seconds(PREDICTED) >= 0.4 and found.chosen == PREDICTED
    slow = Machine(request=60.0)
    run, _ = tuned(slow)
    assert run.load.short and slow.now <= 90 + 60 / 8 * 3


@settings(deadline=None, max_examples=60)
@given(
    st.fixed_dictionaries({name: st.floats(0.3, 1.5) for name in ALL}),
    st.floats(0.0, 0.2),
    st.floats(0.01, 30.0),
    st.floats(1.0, 120.0),
    st.booleans(),
    st.integers(0, 100),
)
def test_nothing_ships_that_was_not_run(factors, noise, request, seconds, busy, seed):
    machine = Machine(factors, noise=noise, request=request, busy=lambda now: busy, seed=seed)
    _, found = tuned(machine, seconds=seconds)
    assert found.chosen in {ran for ran, _ in machine.ran}
    assert machine.seconds(found.chosen) <= machine.seconds(DEFAULT) * (
        SLOW if busy or noise > 0.05 else 1.35
    )


def test_on_a_quiet_machine_the_choice_is_within_a_tenth_of_the_best():
    from itertools import product

    for seed in range(10):
        machine = Machine({**USUAL, "fuse_gate_up": 0.97, "separate_qkv": 1.05}, noise=0.015, seed=seed)
        _, found = tuned(machine)
        best = min(
            machine.seconds(DecoderSettings(*values))
            for values in product((0, 2), (0, 4), (0, 4), (False, True), (False, True), (False, True))
        )
        assert machine.seconds(found.chosen) <= 1.1 * best


def test_predictions_take_what_the_artifact_has():
    assert predicted(DEFAULT, ALL) == PREDICTED
    assert predicted(DEFAULT, {"prune_head": [True]}) == DecoderSettings(prune_head=True)
    assert predicted(DEFAULT, {"threads": [2, 4, 6]}) == DecoderSettings(threads=6)


def test_a_step_leads_back_to_the_default_and_on():
    found = list(neighbours(PREDICTED, DEFAULT, {**ALL, "threads": [2, 4]}))
    assert found == [
        ("head_accuracy_level", 0),
        ("threads", 0),
        ("threads", 4),
        ("accuracy_level", 0),
        ("prune_head", False),
        ("separate_qkv", True),
        ("fuse_gate_up", True),
    ]


def test_thread_counts_are_powers_of_two_and_all_cores():
    assert thread_counts(1) == []
    assert thread_counts(2) == [2]
    assert thread_counts(6) == [2, 4, 6]
    assert thread_counts(8) == [2, 4, 8]


def test_labels_name_what_differs():
    assert DEFAULT.label(DEFAULT) == "default"
    assert DecoderSettings(threads=2, prune_head=True).label(DEFAULT) == "threads=2, prune_head=true"
