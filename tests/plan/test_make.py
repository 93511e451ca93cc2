"""A plan before, between and after builds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.budget import Earlier, Spread
from infopt_compiler.budget.bound import Bound, BoundSeverity, Operator
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.graph import NEVER, Again, build_graph
from infopt_compiler.measure.settings import PRESETS
from infopt_compiler.plan import Outlook, State, make_plan
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Budget, Program
from infopt_compiler.targets import record_errors
from infopt_compiler.units import parse_quantity
from tests.execute.conftest import CONFIG, TARGET, Bench, bench  # noqa: F401

LARGE = {
    **CONFIG,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "vocab_size": 50_000,
}


def bounded(program: Program, *texts: tuple, scenario: str | None = "chat", **more) -> Program:
    bounds = tuple(
        Bound(metric, Operator(operator), parse_quantity(limit), aggregate, **more)
        for metric, aggregate, operator, limit in texts
    )
    budget = Budget("u", "u", scenario, bounds)
    return replace(program, budgets={"u": budget}, scenarios={"chat": Scenario("chat")})


def planned(bench: Bench, program: Program, target=TARGET, settings=None, again=NEVER):  # noqa: F811
    return make_plan(program, build_graph(program), bench.store, target, settings, again=again)


def states(plan) -> list[str]:
    return [step.state.value for step in plan.steps]


def test_what_is_made_again_is_planned(bench):  # noqa: F811
    program = bench.program(t={"note": "a"})
    bench.build(program)
    plan = planned(bench, program, again=Again(frozenset({"t"}), since=time.time()))
    assert states(plan) == ["cached", "run", "follows"]
    assert plan.steps[1].because == ("`--rebuild t`",)
    source = planned(bench, program, again=Again(frozenset({"m"}), since=time.time()))
    assert states(source) == ["run", "follows", "follows"]
    assert source.steps[1].seconds is not None, "the shapes of what is there are known"


def test_before_and_after_a_build(bench):  # noqa: F811
    program = bench.program(t={"note": "a"})
    before = planned(bench, program)
    assert states(before) == ["run", "follows", "follows"]
    assert before.steps[0].because == ("this recipe has not made it before",)
    assert before.steps[1].because == ("`m` is made anew",)
    assert before.seconds > 0 and before.peak_rss_bytes > 0 and before.disk_bytes > 0
    assert bench.store.entries() == [], "a plan makes nothing"

    bench.build(program)
    after = planned(bench, program)
    assert states(after) == ["cached"] * 3 and after.seconds == 0 and after.to_run == ()
    assert [step.digest for step in after.steps] == [run.digest for run in bench.build(program).runs]

    late = planned(bench, bench.program(t={"note": "b"}))
    assert states(late) == ["cached", "run", "follows"]
    assert late.steps[1].because == ("`note`: a → b",)


def test_what_a_step_is_compared_with_is_of_this_recipe(bench):  # noqa: F811
    """Another recipe with bindings of the same names in the same store; also one that reused what this one made."""
    program = bench.program(t={"note": "mine"})
    bench.build(program)
    other = replace(bench.program(t={"note": "other"}), recipe="other")
    assert planned(bench, other).steps[1].because == ("this recipe has not made it before",)
    bench.build(replace(program, recipe="other"))
    assert planned(bench, other).steps[1].because == ("`note`: mine → other",), "it reused that one"
    bench.build(other)
    assert planned(bench, bench.program(t={"note": "new"})).steps[1].because == ("`note`: mine → new",)


def test_what_the_store_knows_is_exact(bench):  # noqa: F811
    program = bench.program()
    (before,) = planned(bench, bounded(program, ("size", None, "<=", "1 MB"))).bounds
    assert before.value > 1e6 and before.low < before.high, "arithmetic adds a tokenizer and a graph"
    entries = bench.build(program).entries
    size = entries["u"].size_bytes
    record_errors([{"key": "bound size", "error": 10.66}] * 3)
    texts = ("size", None, "<=", f"{size} B"), ("size", None, "<=", f"{size - 1} B")
    found = planned(bench, bounded(program, *texts, ("bits_per_weight", None, "<=", "32 bits"))).bounds
    assert found[0].outlook is Outlook.meets and found[1].outlook is not Outlook.meets
    assert {bound.value for bound in found[:2]} == {bound.low for bound in found[:2]} == {size}
    assert {bound.seen for bound in found} == {None} and found[2].low == found[2].high is not None
    (half,) = planned(bench, bounded(program, ("size", None, "<=", "50%"), relative_to="m")).bounds
    assert half.limit == entries["m"].size_bytes / 2 and half.outlook is Outlook.misses


def test_what_is_not_final_is_taken_up_again_and_what_follows_may_stay(bench):  # noqa: F811
    program = bench.program()
    unsure = replace(program.nodes["t"], pass_name="toy_unsure", parameters={})
    program = replace(program, nodes={**program.nodes, "t": unsure})
    bench.build(program)
    plan = planned(bench, program)
    assert states(plan) == ["cached", "provisional", "follows"]
    assert plan.steps[1].because == ("others used the cores: taken up again",)
    assert plan.to_json()["steps"][1]["state"] == "provisional" and plan.seconds > 0
    locked = planned(bench, program, again=Again(retake=False))
    assert states(locked) == ["cached"] * 3


def test_an_unknown_model_is_unknown(bench):  # noqa: F811
    program = bench.program()
    model = replace(program.models["m"], source="pypi:some-model==1.0#model")
    plan = planned(bench, bounded(replace(program, models={"m": model}), ("size", None, "<=", "1 MB")))
    assert [step.seconds for step in plan.steps] == [None] * 3 and plan.seconds is None
    assert plan.bounds[0].outlook is Outlook.unknown and "before it is fetched" in plan.bounds[0].why


def test_a_missing_source_names_its_line(bench):  # noqa: F811
    program = bench.program()
    model = replace(program.models["m"], source="file:modell")
    with pytest.raises(DiagnosticError) as failure:
        planned(bench, replace(program, models={"m": model}))
    (found,) = failure.value.diagnostics
    assert found.code == "E0601" and found.span.line == 1 and "`model`" in found.help


@pytest.fixture
def large(bench):  # noqa: F811
    """Shapes of a billion parameters: a plan reads config.json, not the weights."""
    (bench.folder / "model" / "config.json").write_text(json.dumps(LARGE))
    return bench


@pytest.mark.parametrize(
    ("bound", "outlook", "why"),
    [
        (("tpot", "p50", "<=", "1 ms"), Outlook.unreachable, "GB/s from memory, `box` gives 30"),
        (("decode", "p50", ">=", "1000 tok/s"), Outlook.unreachable, "GB/s from memory"),
        (("tpot", "p50", "<=", "10 s"), Outlook.meets, "GB/s"),
        (("tpot", "p50", "<=", "140 ms"), Outlook.misses, "GB/s"),
        (("throughput", None, ">=", "500 tok/s"), Outlook.unreachable, "at most"),
        (("ttft", "p95", "<=", "1 ms"), Outlook.unreachable, "at least"),
        (("size", None, "<=", "100 MB"), Outlook.unreachable, "weights alone take"),
        (("memory.peak", None, "<=", "1 GB"), Outlook.unreachable, "weights alone take"),
        (("size", None, "<=", "10 GB"), Outlook.meets, "weights"),
        (("cost", None, "<=", "0.01 USD/Mtok"), Outlook.unreachable, "at least"),
        (("perplexity", None, "<=", "18"), Outlook.unknown, "measured"),
    ],
)
def test_bounds(large, bound, outlook, why):
    (found,) = planned(large, bounded(large.program(), bound)).bounds
    assert found.outlook is outlook and why in found.why, found
    assert found.text == f"{bound[0]}{'.' + bound[1] if bound[1] else ''} {bound[2]} {bound[3]}"


def test_the_size_needs_no_scenario(large):
    (found,) = planned(large, bounded(large.program(), ("size", None, "<=", "100 MB"), scenario=None)).bounds
    assert found.outlook is Outlook.unreachable
    assert found.floor <= ModelSpec.from_config(LARGE).weight_bytes


def test_relative_bounds_rest_on_the_reference(large):
    program = bounded(
        large.program(), ("size", None, "<=", "105%"), ("size", None, "<=", "50%"), relative_to="m"
    )
    found = planned(large, program).bounds
    assert [bound.outlook for bound in found] == [Outlook.meets, Outlook.misses], "same shapes, same size"
    assert found[0].text == "size <= 105% of m"


def test_bounds_of_the_last_build_know_their_limit_before_anything_runs(large):
    texts = ("size", None, "<=", "105%"), ("size", None, "<=", "1%"), ("kl", "mean", "<=", "110%")
    program = bounded(large.program(), *texts, ("tpot", "p50", "<=", "102%"), relative_to="last")
    measured = Earlier(Spread(5e9, {0.975: (5e9, 5e9)}), "d", "2026-11-25T10:00:00+00:00", "abcdef0123")
    kl = replace(measured, spread=Spread(0.02, {0.975: (0.019, 0.021)}))
    past = {"u": {("size", None, None): measured, ("kl.mean", None, None): kl}}
    plan = make_plan(program, build_graph(program), large.store, TARGET, earlier=lambda texts: past)
    meets, proven, unknown, first = plan.bounds
    assert (meets.outlook, meets.limit) == (Outlook.meets, 5.25e9)
    assert "5 GB by the build of 2026-11-25T10:00:00+00:00 (abcdef0)" in meets.why
    assert proven.outlook is Outlook.unreachable, "a measured limit may be out of reach"
    assert unknown.outlook is Outlook.unknown and unknown.limit == pytest.approx(0.022)
    assert first.outlook is Outlook.unknown and "no earlier build" in first.why and first.limit is None
    unread = make_plan(program, build_graph(program), large.store, TARGET, earlier=lambda texts: None)
    assert all("cannot be read" in bound.why for bound in unread.bounds)


def test_severity_and_time_to_measure(large):
    program = bounded(large.program(), ("tpot", "p50", "<=", "9 s"), severity=BoundSeverity.warn)
    plan = planned(large, program, settings=PRESETS["standard"])
    preset = PRESETS["standard"]
    assert plan.bounds[0].severity == "warn"
    assert plan.measure_seconds == preset.seconds + preset.attribution_seconds
    elsewhere = planned(large, program, replace(TARGET, here=False), PRESETS["standard"])
    assert elsewhere.measure_seconds == 0


@pytest.mark.parametrize(
    ("bound", "scenario", "seconds"),
    [
        (("size", None, "<=", "9 GB"), None, 0.0),
        (("size", None, "<=", "9 GB"), "chat", PRESETS["standard"].attribution_seconds),
        (("perplexity", None, "<=", "18"), None, PRESETS["standard"].attribution_seconds),
    ],
)
def test_no_time_is_promised_for_what_is_not_measured(large, bound, scenario, seconds):
    plan = planned(large, bounded(large.program(), bound, scenario=scenario), settings=PRESETS["standard"])
    assert plan.measure_seconds == seconds


def test_the_plan_keeps_what_it_predicts(large):
    plan = planned(large, bounded(large.program(), ("size", None, "<=", "9 GB")))
    assert plan.predicted["u"]["tpot.p50"].value > 0.01
    data = plan.to_json()["predicted"]["u"]["size"]
    assert data == [plan.bounds[0].value, plan.bounds[0].low, plan.bounds[0].high]


def test_a_plan_is_plain_data(large):
    plan = planned(large, bounded(large.program(), ("tpot", "p50", "<=", "1 ms")))
    data = json.loads(json.dumps(plan.to_json()))
    assert data["steps"][1]["pass"] == "toy" and data["bounds"][0]["outlook"] == "out of reach"
    assert plan.unreachable == plan.bounds and plan.steps[0].state is State.run


def test_planning_imports_nothing_heavy():
    code = "import sys, infopt_compiler.plan; print([m for m in ('torch', 'transformers', 'onnx', 'hydra', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
