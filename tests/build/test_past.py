"""From a job to the history and back: what counts as the previous build."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from infopt_compiler.budget import Basis, BoundResult, Interval, Spread, Verdict
from infopt_compiler.build.assemble import Findings
from infopt_compiler.build.history import append_build
from infopt_compiler.build.past import earlier_values, history_of, recipe_key, variant
from infopt_compiler.cli.composed import composed
from infopt_compiler.cli.split import split
from infopt_compiler.execute import Execution
from infopt_compiler.measure.evaluation import Evaluation, Value

RECIPE = """\
target cpu
model small = "pypi:small==1#model.gguf"
data prose = "python:pydoc_data.topics"
data heldout = prose[80% .. 100%]
scenario assistant { prompt = 32 tokens, generate = 16 tokens }
base = select(small)
q = quantize(base, method = rtn, bits = 4, group = 32)
onnx = export(q)
budget onnx under assistant {
    tpot.p50 <= 102% of last
    size <= 100% of last
    perplexity <= 101% of last on heldout
}
"""
VALUES = {"tpot.p50": 0.01, "size": 5e6, "perplexity": 15.0}


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/chat.opt").write_text(RECIPE)
    (tmp_path / "outputs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("infopt_compiler.build.job.find_target", _target)
    return tmp_path


def _target(name):
    """Not probed: nothing here depends on how fast this machine is."""
    from infopt_compiler.targets import TARGETS

    return replace(TARGETS["h100"], name=name, here=name == "cpu")


def job(*words: str):
    opened = composed(split(["plan", "recipes/chat.opt", *words]))
    return replace(opened, invocation=replace(opened.invocation, folder=opened.outputs / "chat/run"))


def findings(opened, scale: float = 1.0, text: str = "t1") -> Findings:
    """What a build found whose values are VALUES times `scale`."""
    budget = opened.program.budgets["onnx"]
    results = []
    for bound in budget.bounds:
        value = VALUES[bound.name] * scale
        interval = Interval(value, value * 0.99, value * 1.01, 0.95)
        spread = Spread(value, {0.975: (value * 0.98, value * 1.02)})
        scenario = budget.scenario if bound.name == "tpot.p50" else None
        results.append(BoundResult(bound, "onnx", scenario, None, interval, Basis.measured, Verdict.baseline, spread=spread))  # fmt: skip
    beside = Value("itl.p95", "onnx", Interval(0.02, 0.01, 0.03, 0.95), scenario="assistant")
    entries = {"onnx": SimpleNamespace(digest="d1"), "heldout": SimpleNamespace(digest=text)}
    return Findings(execution=Execution(entries=entries), evaluations={"onnx": Evaluation(results, [beside])})


REPORT = {"started": "2026-11-25T10:00:00+00:00", "seconds": 1.0, "verdict": "met", "exit_code": 0}


def seen(opened, text: str = "t1") -> dict[str, float]:
    found = earlier_values(opened, {"heldout": text}).get("onnx", {})
    return {figure[0]: earlier.spread.value for figure, earlier in found.items()}


def test_a_build_is_what_the_next_is_held_to(project):
    opened = job()
    assert seen(opened) == {}
    assert append_build(opened, REPORT, findings(opened)) == []
    assert seen(opened) == VALUES
    append_build(opened, REPORT, findings(opened, 2.0))
    assert seen(opened) == {name: 2 * value for name, value in VALUES.items()}
    (first, _) = history_of(opened).builds()
    assert (first.recipe, first.folder, first.target) == ("recipes/chat.opt", "outputs/chat/run", "cpu")
    assert [figure.metric for figure in first.figures] == ["tpot.p50", "size", "perplexity", "itl.p95"]
    own = first.figures[0]
    assert (own.low, own.confidence, own.unit, own.relative_to) == (0.0098, 0.975, "s", "last")


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["measure=quick", "engine.seed=1", "budget.onnx.size=105%"], set()),
        (["scenario.assistant.prompt=64"], set(VALUES)),  # an override: another series altogether
        (["q.bits=8"], set(VALUES)),
    ],
)
def test_what_is_asked_does_not_make_another_series_and_what_is_built_does(project, words, missing):
    opened = job()
    append_build(opened, REPORT, findings(opened))
    other = job(*words)
    assert set(VALUES) - set(seen(other)) == missing | (
        {"perplexity"} if "measure=quick" in words else set()
    ), "another number of windows is another text"


def test_conditions_are_those_of_the_recipe(project):
    opened = job()
    append_build(opened, REPORT, findings(opened))
    (project / "recipes/chat.opt").write_text(RECIPE.replace("prompt = 32", "prompt = 48"))
    assert set(seen(job())) == {"size", "perplexity"}, "other requests, other times"
    (project / "recipes/chat.opt").write_text(RECIPE.replace("80% ..", "70% .."))
    assert set(seen(job(), text="t2")) == {"tpot.p50", "size"}, "another text"
    (project / "recipes/chat.opt").write_text(RECIPE.replace("bits = 4", "bits = 8"))
    assert seen(job()) == VALUES, "what is built may change: that is what is compared"


def test_another_machine_keeps_size_and_quality(project, monkeypatch):
    opened = job()
    append_build(opened, REPORT, findings(opened))
    monkeypatch.setattr("infopt_compiler.build.past.machine_digest", lambda: "another")
    assert set(seen(opened)) == {"size", "perplexity"}


def test_names_of_recipe_and_variant(project):
    opened = job("q.bits=8", "+measure.seconds=5", "budget.onnx.size=105%", "~q.group")
    assert variant(opened) == ("q.bits=8", "~q.group")
    assert recipe_key(opened) == "recipes/chat.opt"
    moved = job("--outputs", "elsewhere/runs")
    assert recipe_key(moved) == "../recipes/chat.opt"


def test_a_folder_that_cannot_be_written_is_a_warning(project):
    opened = job("--outputs", "missing")
    (found,) = append_build(opened, REPORT, findings(opened))
    assert (found.code, found.severity.value) == (
        "E0914",
        "warning",
    ) and "this build is not in it" in found.message
