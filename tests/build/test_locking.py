"""`--locked` before anything runs: what the lock says and what is there now."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from infopt_compiler.build.assemble import Findings
from infopt_compiler.build.locking import write_lock_of
from infopt_compiler.cli.composed import composed
from infopt_compiler.cli.split import split
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.execute import run_graph
from infopt_compiler.graph import build_graph
from infopt_compiler.pipeline import plan
from tests.build.test_past import _target
from tests.execute.conftest import CONFIG, write_model

SHAPES = {"hidden_size": 32, "intermediate_size": 64, "vocab_size": 32}
RECIPE = """\
model tiny = "file:tiny"
data calib = "file:prose.txt"
q = quantize(tiny, method = gptq, group = 16, calibrate = calib)
onnx = export(q)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_model(tmp_path / "tiny")
    (tmp_path / "tiny/config.json").write_text(json.dumps({**CONFIG, **SHAPES}))
    (tmp_path / "prose.txt").write_text("One.\n\nTwo.\n")
    (tmp_path / "r.opt").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("infopt_compiler.build.job.find_target", _target)
    return tmp_path


def locked(*words: str):
    return plan(composed(split(["plan", "r.opt", "--locked", *words])))


def write_lock():
    """A lock whose sources are those that are there now; no pass has run."""
    job = composed(split(["plan", "r.opt"]))
    graph = build_graph(job.program, job.recipe.parent)
    sources = replace(graph, steps={name: step for name, step in graph.steps.items() if not list(step.needs)})
    made = run_graph(sources, job.store, job.target, job.options, job.events)
    assert made.diagnostics == []
    write_lock_of(job, Findings(graph, made), job.recipe.with_suffix(".lock"))


def test_a_plan_needs_the_lock_that_it_is_held_to(project):
    with pytest.raises(DiagnosticError) as refused:
        locked()
    assert refused.value.diagnostics[0].code == "E0811"


def test_a_plan_says_what_differs_from_the_lock(project):
    write_lock()
    text, _, code = locked()
    assert "plan of r" in text and code == 0
    with pytest.raises(DiagnosticError) as parameters:
        locked("q.bits=8")
    (found,) = parameters.value.diagnostics
    assert found.code == "E0812" and any("graph.q.parameters.bits" in note.message for note in found.notes)
    (project / "prose.txt").write_text("Other.\n")
    with pytest.raises(DiagnosticError) as sources:
        locked()
    (found,) = sources.value.diagnostics
    assert [note.message.split(":")[0] for note in found.notes] == ["steps.calib.material.parameters.digest"]
    assert json.loads((project / "r.lock").read_text())["steps"].keys() == {"tiny", "calib"}
