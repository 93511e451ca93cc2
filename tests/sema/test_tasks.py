"""Bounds on tasks, checked before anything is fetched or installed."""

from __future__ import annotations

import pytest

from infopt_compiler.artifacts import TaskData, TextData
from infopt_compiler.diagnostics import Input
from infopt_compiler.graph import build_graph
from infopt_compiler.sema import check_recipe
from infopt_compiler.sources import task_config
from tests.sources.tasks import write_tasks

RECIPE = """\
target cpu
model base = "hf:none"
data prose = "python:pydoc_data.topics"
data task = "lm-eval:tasks#{task}" {{ sample = 8, seed = 1 }}
data half = task[0% .. 50%]
onnx = export(base)
budget onnx {{
    {bound}
    accuracy >= 1% on half
    perplexity <= 99 on prose
}}
"""


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.setattr(task_config, "require_harness", lambda: None)
    write_tasks(tmp_path)

    def checked(bound: str = "accuracy >= 40% on task", task: str = "choice", *, more: str = ""):
        text = RECIPE.format(bound=bound, task=task) + more
        return check_recipe(Input(str(tmp_path / "r.opt"), text))

    return checked


@pytest.mark.parametrize(
    "bound",
    [
        "accuracy >= 95% of base on task",
        "accuracy.norm >= 102% of base on task at 99% confidence",
        "warn accuracy > 99% of last on task",
    ],
)
def test_a_bound_on_a_task(check, bound):
    program, found = check(bound)
    assert found == [] and program is not None
    assert program.data["half"].is_task and not program.data["prose"].is_task
    steps = build_graph(program).steps
    assert (steps["half"].output, steps["half"].pass_name) == (TaskData, "task")
    assert (steps["prose"].output, steps["prose"].pass_name) == (TextData, "text")


@pytest.mark.parametrize(
    ("bound", "code", "at"),
    [
        ("accuracy >= 40% on prose", "E0445", "prose"),
        ("perplexity <= 20 on half", "E0445", "half"),
        ("accuracy >= 40%", "E0424", "accuracy >= 40%"),
        ("accuracy >= 40% vs base on task", "E0426", "base"),
        ("accuracy >= 140% on task", "E0308", "140%"),
        ("accuracy.nrom >= 40% on task", "E0422", "accuracy.nrom"),
        ("accuracy >= 90% of onnx on task", "E0443", "onnx"),
        ("top1 >= 90% of base on prose", "E0428", "base"),
    ],
)
def test_a_bound_that_says_nothing(check, bound, code, at):
    program, found = check(bound)
    assert program is None and (code, at) in [(d.code, d.span.text) for d in found]


def test_choices_are_weighed_only_where_there_are_some(check):
    program, (found,) = check("accuracy.norm >= 40% on task", "written")
    assert program is None and found.code == "E0445" and "has none" in found.message


@pytest.mark.parametrize(
    ("task", "code"), [("none", "E0616"), ("hub", "E0617"), ("rolling", "E0618"), ("code", "E0619")]
)
def test_a_task_that_cannot_be_scored_is_told_once_at_its_statement(check, task, code):
    program, (found,) = check(task=task)
    assert program is None and found.code == code and found.span.line == 4 and found.help


def test_without_the_library_the_statement_says_what_to_install(check, monkeypatch):
    def missing() -> None:
        raise task_config.SourceError("E0615", "not installed", "pip install 'infopt-compiler[lm-eval]'")

    monkeypatch.setattr(task_config, "require_harness", missing)
    program, (found,) = check()
    assert program is None and found.code == "E0615" and found.span.line == 4


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ('data wide = "lm-eval:tasks#choice" { window = 8 tokens }\n', "E0209"),
        ("q = quantize(base, method = gptq, calibrate = task)\n", "E0401"),
        ("scenario s { prompts = task }\n", "E0445"),
    ],
)
def test_a_task_is_no_text(check, more, code):
    _, found = check(more=more)
    assert code in [d.code for d in found]
