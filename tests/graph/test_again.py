"""Steps that are done again although the store has them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.graph import Again
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.sema.program import Node, Program
from tests.execute.conftest import Bench, bench  # noqa: F401


@pytest.fixture
def chosen(bench: Bench) -> Program:  # noqa: F811
    """`m -> t (toy_measured) -> u (toy)`; what `t` chooses stands in the file `choice`."""
    (bench.folder / "choice").write_text("one thread")
    node = Node("t", "toy_measured", {"model": ("m",)}, {"file": str(bench.folder / "choice")})
    program = bench.program()
    return replace(program, nodes={**program.nodes, "t": node})


def now(*names: str, remeasure: bool = False) -> Again:
    return Again(frozenset(names), remeasure, time.time())


def test_rebuilding_runs_the_step_and_what_follows_only_where_its_bytes_changed(bench, chosen):  # noqa: F811
    first = bench.build(chosen)
    assert not first.failed, first.diagnostics
    equal = bench.build(chosen, now("t"))
    assert [run.cached for run in equal.runs] == [True, False, True]
    assert bench.store.entries()[-1].key == first.entries["t"].key, "equal bytes: only the record is new"

    (bench.folder / "choice").write_text("two threads")
    assert all(run.cached for run in bench.build(chosen).runs)
    other = bench.build(chosen, now("t"))
    assert [run.cached for run in other.runs] == [True, False, False]
    assert (other.artifacts["t"].path / "chosen").read_text() == "two threads"

    after = bench.build(chosen)
    assert all(run.cached for run in after.runs), "what was rebuilt is what the store has"
    assert after.entries["t"].digest == other.entries["t"].digest


def test_a_build_that_uses_what_is_replaced_keeps_it(bench, chosen):  # noqa: F811
    old = bench.build(chosen).artifacts["t"].path
    (bench.folder / "choice").write_text("two threads")
    bench.build(chosen, now("t"))
    assert (old / "chosen").read_text() == "one thread"
    removed = bench.store.gc(max_age=1e6)
    assert [entry.files for entry in removed] == [old]
    assert all(run.cached for run in bench.build(chosen).runs)


def test_a_source_is_rebuilt_like_a_pass(bench, chosen):  # noqa: F811
    bench.build(chosen)
    assert [run.cached for run in bench.build(chosen, now("m", "u")).runs] == [False, True, False]


def test_remeasuring_covers_what_passes_chose_by_measuring(bench, chosen):  # noqa: F811
    bench.build(chosen)
    assert [run.cached for run in bench.build(chosen, now(remeasure=True)).runs] == [True, False, True]
    assert {name for name in ("select", "distill", "quantize", "shard", "export", "tune")
            if find_pass(name).chooses_by_measuring} == {"select", "tune"}  # fmt: skip


def test_a_sweep_rebuilds_once(bench, chosen):  # noqa: F811
    """Its jobs have one beginning; what an earlier one of them made is taken."""
    bench.build(chosen)
    again = now("t")
    bench.build(chosen, again)
    assert all(run.cached for run in bench.build(chosen, again).runs)


def test_again_begins_afresh(bench):  # noqa: F811
    """What an interrupted run staged is not gone on with."""
    flag = bench.folder / "flag"
    program = bench.program()
    steps = Node("u", "toy_steps", {"models": ("m",)}, {"flag": str(flag)})
    program = replace(program, nodes={"u": steps})
    assert bench.build(program).failed  # dies at its third step, which stays
    assert Path(flag).exists()
    assert bench.build(program, now("u")).entries["u"].made.facts["done"] == 5
