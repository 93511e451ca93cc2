"""Searching settings on a machine whose answers are known."""

from __future__ import annotations

import math
import random

from infopt_compiler.passes.tune.search import Load, Search, TrialError
from infopt_compiler.passes.tune.settings import Settings, alternatives, thread_counts

ALL = {
    "threads": [2],
    "accuracy_level": [0, 4],
    "fuse_gate_up": [True],
    "separate_qkv": [True],
    "prune_head": [True],
}


class Machine:
    """Seconds = a product of the settings' factors and noise; each block takes `block` seconds of its clock."""

    def __init__(self, factors, noise=0.01, block=3.0, refuse=(), broken=()):
        self.factors, self.noise, self.block_seconds = factors, noise, block
        self.refuse, self.broken = refuse, set(broken)
        self.now, self.rng = 0.0, random.Random(1)

    def block(self, settings, number, load):
        self.now += 1 + (self.block_seconds - 1) * (1 / 24 if load.short else load.total / 3)
        if settings.changes(Settings()).keys() & self.broken:
            raise TrialError("does not load")
        return self.seconds(settings) * math.exp(self.rng.gauss(0, self.noise))

    def seconds(self, settings):
        value = 1.0
        for name, factor in self.factors.items():
            value *= factor if settings.changes(Settings()).get(name) else 1.0
        return value

    def refusal(self, current, chosen):
        changed = chosen.changes(current)
        return next((f"{name} costs too much" for name in self.refuse if name in changed), None)


def search(machine, *, seconds=300.0, rounds=4):
    return Search(Settings(), machine, lambda: machine.now, seconds, Load(2, 1), 8.0, rounds, 0.02)


def test_each_setting_that_helps_is_taken_and_the_others_left():
    machine = Machine(
        {"threads": 0.6, "accuracy_level": 0.9, "fuse_gate_up": 1.0, "separate_qkv": 1.1, "prune_head": 0.85}
    )
    run = search(machine)
    chosen, decisions = run.run(ALL)
    assert chosen == Settings(threads=2, accuracy_level=4, prune_head=True)
    assert [decision.setting for decision in decisions] == [
        "threads", "accuracy_level", "prune_head", "separate_qkv", "fuse_gate_up",
    ]  # fmt: skip
    assert "less time than 0" in decisions[0].reason and "beyond noise" in decisions[3].reason
    assert run.confirm(chosen).gain > 0.4
    labels = {settings.label(Settings()) for settings in run.trials}
    assert labels >= {"default", "threads=2", "threads=2, accuracy_level=4"}


def test_a_refused_setting_stays_and_says_why():
    machine = Machine({"threads": 0.6, "accuracy_level": 0.5}, refuse=("accuracy_level",))
    chosen, decisions = search(machine).run(ALL)
    assert chosen == Settings(threads=2)
    assert decisions[1].reason == "accuracy_level costs too much"


def test_a_variant_that_cannot_be_served_is_left_out():
    machine = Machine({"threads": 0.6, "separate_qkv": 0.5}, broken=("separate_qkv",))
    chosen, decisions = search(machine).run(ALL)
    assert chosen == Settings(threads=2)
    assert decisions[3].reason == "not taken: does not load"


def test_what_is_twenty_times_faster_is_seen_in_one_short_request():
    machine = Machine({"head_accuracy_level": 0.05}, block=25.0)
    run = search(machine)
    chosen, decisions = run.run({"head_accuracy_level": [0, 4]})
    assert chosen == Settings(head_accuracy_level=4) and machine.now == 4.0 and not run.trials
    assert "95" in decisions[0].reason
    assert run.confirm(chosen).difference < 0


def test_what_screening_does_not_show_is_raced():
    run = search(Machine({"threads": 0.6}))
    run.run(ALL)
    assert len(run.screened) == 2 and len(run.trials[Settings()]) >= 2


def test_the_time_limit_holds_and_what_was_left_out_is_said():
    machine = Machine({"threads": 0.6, "prune_head": 0.9}, block=5.0)
    run = search(machine, seconds=30.0)
    _, decisions = run.run(ALL)
    run.confirm(Settings(threads=2))
    assert machine.now <= 30.0
    assert decisions[0].value == 2 and "no time left" in decisions[-1].reason


def test_a_worse_result_shows_in_the_final_check():
    machine = Machine({"threads": 1.3})
    assert search(machine).confirm(Settings(threads=2)).verdict == "worse"


def test_alternatives_leave_out_what_the_artifact_has():
    assert dict(alternatives(Settings(accuracy_level=4, separate_qkv=True), ALL)) == {
        "threads": [2],
        "accuracy_level": [0],
        "prune_head": [True],
        "fuse_gate_up": [True],
    }


def test_thread_counts_are_powers_of_two_and_all_cores():
    assert thread_counts(1) == []
    assert thread_counts(2) == [2]
    assert thread_counts(6) == [2, 4, 6]
    assert thread_counts(8) == [2, 4, 8]


def test_labels_name_what_differs():
    assert Settings().label(Settings()) == "default"
    assert Settings(threads=2, prune_head=True).label(Settings()) == "threads=2, prune_head=true"
