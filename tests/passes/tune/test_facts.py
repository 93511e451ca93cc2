"""What one search leaves to the next: builds that are out of time go on, and none forgets what another has settled."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from infopt_compiler.passes.tune.facts import Past, outcome_facts, past_of
from infopt_compiler.passes.tune.settings import DecoderSettings
from tests.passes.tune.machine import ALL, DEFAULT, PREDICTED, USUAL, Machine, search


def build(machine: Machine, past: Past | None, seconds: float, available=ALL, predicted=PREDICTED):
    """A search as `tune` runs it; its facts, as they are stored."""
    run = search(machine, seconds=seconds, settled={} if past is None else past.settled)
    run.race.known |= {} if past is None else past.pairs
    found = run.run(available, [predicted] if past is None else [past.chosen, predicted])
    return json.loads(json.dumps(outcome_facts(run, found, predicted, past), allow_nan=False))


def builds(seconds: float, most: int, **more):
    """Builds in a row, each on its own moment's machine, until one is final."""
    past, found = None, []
    for seed in range(most):
        found.append(build(Machine(seed=seed), past, seconds, **more))
        if "provisional" not in found[-1]:
            break
        past = past_of(found[-1], DEFAULT)
    return found


@pytest.mark.parametrize("seconds", [20.0, 25.0, 30.0, 35.0])
def test_builds_that_are_short_of_time_come_to_an_end(seconds):
    """The third ran again what the first had settled, since the second had not written it on; and so on for ever."""
    found = builds(seconds, 6)
    assert "provisional" not in found[-1]
    for earlier, later in pairwise(found):
        assert past_of(earlier, DEFAULT).settled.keys() <= past_of(later, DEFAULT).settled.keys()
    final = {decision["setting"]: decision["tried"] for decision in found[-1]["decisions"]}
    assert DecoderSettings(**found[-1]["chosen"]) == PREDICTED
    assert final.keys() == set(ALL) and all(final.values()), "every setting says what was tried"


@pytest.mark.parametrize("seconds", [12.0, 15.0, 18.0, 22.0])
def test_many_thread_counts_in_a_short_time_come_to_an_end(seconds):
    counts = {**ALL, "threads": [2, 4, 8, 16, 32]}
    found = builds(seconds, 10, available=counts, predicted=DecoderSettings(32, 4, 4, True))
    assert "provisional" not in found[-1]


def test_what_was_settled_holds_against_its_incumbent_only():
    facts = build(Machine(), None, 90.0)
    past = past_of(facts, DEFAULT)
    assert past.settled and all(incumbent == PREDICTED for _, incumbent in past.settled)
    other = past.chosen.with_value("threads", 4)
    machine = Machine()
    run = search(machine, seconds=300.0, settled=past.settled)
    run.run({**ALL, "threads": [2, 4]}, [other])
    assert DecoderSettings(0, 4, 4, True) in {ran for ran, load in machine.ran if not load.short}


def test_a_busy_build_keeps_what_a_quiet_one_found():
    quiet = build(Machine(), None, 20.0)
    assert "no time left" in quiet["provisional"] and quiet["gain"]["verdict"] == "better"
    before = past_of(quiet, DEFAULT)
    busy = build(Machine(busy=lambda now: True), before, 20.0)
    after = past_of(busy, DEFAULT)
    assert busy["disturbed"] and after.chosen == before.chosen
    assert before.settled.items() <= after.settled.items() and before.pairs == after.pairs
    assert not busy["gain"]["disturbed"] and busy["gain"]["verdict"] == "better"


def test_a_choice_that_moved_is_known_from_either_side():
    """Pairs of a challenger that won are those of its incumbent, which is a challenger now."""
    facts = build(Machine({**USUAL, "fuse_gate_up": 0.8}), None, 300.0)
    past = past_of(facts, DEFAULT)
    assert past.chosen == PREDICTED.with_value("fuse_gate_up", True)
    run = search(Machine())
    run.race.known |= past.pairs
    values, disturbed = run.race.differences(PREDICTED, past.chosen)
    assert len(values) >= 2 and min(values) > 0.1 and not disturbed
