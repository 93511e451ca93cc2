"""The command line with the real pipeline, as far as it goes without building a model."""

from __future__ import annotations

import json

import pytest

MISSING = ["small.source=file:nowhere"]
HOLLOW = ["small.source=file:hollow"]


@pytest.fixture
def hollow(folder):
    """A folder that is there and holds no model, as only a build finds out."""
    (folder / "hollow").mkdir()
    return folder


def test_a_source_that_is_missing_names_the_recipe_line(installed, folder):
    text = (folder / "chat.opt").read_text()
    line = next(line for line in text.splitlines() if line.startswith("model small"))
    (folder / "chat.opt").write_text(text.replace(line, 'model small = "file:nowhere"'))
    ran = installed("plan", "chat.opt")
    assert ran.code == 1
    assert "error[E0601]" in ran.err
    assert "--> chat.opt:3:15" in ran.err


def test_a_source_that_is_missing_names_its_override(installed, folder):
    ran = installed("chat.opt", *MISSING)
    assert ran.code == 1
    assert "error[E0601]" in ran.err
    assert "1 | small.source=file:nowhere" in ran.err
    assert "Traceback" not in ran.err
    assert "E0601" in (folder / "outputs/chat/latest/report.md").read_text("utf-8")


def test_a_model_that_is_none_fails_the_build(installed, hollow):
    ran = installed("chat.opt", *HOLLOW)
    assert ran.code == 1
    assert "error[E0606]" in ran.err and "1 | small.source=file:hollow" in ran.err
    last = ran.out.splitlines()[-1]
    assert last.startswith("FAILED")
    assert "outputs/chat/" in last
    report = json.loads((hollow / "outputs/chat/latest/report.json").read_text())
    assert (report["verdict"], report["exit_code"]) == ("failed", 1)


def test_all_jobs_of_a_failing_sweep_run(installed, hollow):
    ran = installed("chat.opt", "-m", "q.bits=4,8", *HOLLOW)
    assert ran.code == 1
    assert len(list((hollow / "outputs/chat/latest").glob("*/report.json"))) == 2
    assert "sweep: 2 failed" in ran.out.splitlines()[-1]


@pytest.mark.parametrize("verb", ["plan", "lock"])
def test_other_verbs_say_the_same(verb, installed):
    ran = installed(verb, "chat.opt", *MISSING)
    assert ran.code == 1
    assert "error[E06" in ran.err
    assert "Traceback" not in ran.err


def test_refusals_reach_no_pipeline(installed, folder):
    assert installed("chat.opt", "q.bitz=8").code == 2
    assert installed("chat.opt", "+hydra.callbacks.x._target_=os.system").code == 2
    assert not list((folder / "outputs").glob("chat/*/plan.json"))
