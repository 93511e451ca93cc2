"""Bounds on tasks, with the answers given: what is asked of which model, once, and how it is judged."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.artifacts import OnnxModel, TaskData
from infopt_compiler.budget import Bound, Operator, Verdict
from infopt_compiler.diagnostics import CODES, DiagnosticError, error
from infopt_compiler.measure.evaluate import evaluate
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.records import MemoryRecords
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.measure.tasks import instrument as tasks_judged
from infopt_compiler.measure.tasks.answers import Answered, TaskResult
from infopt_compiler.targets import TARGETS
from infopt_compiler.units import parse_quantity

N = 400
SETTINGS = MeasureSettings("test", resamples=300)


def rows(right: int, normed: int | None = None) -> TaskResult:
    """The first `right` documents are answered right."""
    answers = (
        Answered(k, float(k < right), None if normed is None else float(k < normed), f"question {k}")
        for k in range(N)
    )
    return TaskResult(tuple(answers), {"lm-eval": "0"})


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A task, models by their digest, and the list of who was asked."""
    (tmp_path / "task.json").write_text(json.dumps({"config": {"output_type": "multiple_choice"}}))
    answers = {"own": rows(200, 240), "base": rows(201, 300)}
    log: list[str] = []

    def score(artifact, data, **_):
        log.append(artifact.digest)
        return answers[artifact.digest]

    monkeypatch.setattr(tasks_judged, "score_task", score)
    return log


def bound(metric: str, operator: str, limit: str, **more) -> Bound:
    return Bound(metric, Operator(operator), parse_quantity(limit), on="arc", **more)


def run(folder, bounds, records=None, **more):
    artifacts = {"base": OnnxModel(folder, "base"), "chat": OnnxModel(folder, "own")}
    job = Job(
        name="chat", subject=artifacts["chat"], bounds=bounds, artifacts=artifacts, target=TARGETS["h100"],
        settings=SETTINGS, records=records or MemoryRecords(), tasks={"arc": TaskData(folder, "task")}, **more,
    )  # fmt: skip
    return evaluate(job)


def test_each_model_is_asked_once_and_then_read_from_the_record(asked, tmp_path):
    bounds = [
        bound("accuracy", ">=", "95%", relative_to="base"),
        bound("accuracy.norm", ">=", "95%", relative_to="base"),
        bound("accuracy", ">=", "40%"),
        bound("accuracy", ">=", "99%", relative_to="last"),
    ]
    records = MemoryRecords()
    first, again = run(tmp_path, bounds, records), run(tmp_path, bounds, records)
    assert sorted(asked) == ["base", "own"] and first.results == again.results
    assert [one.verdict for one in first.results] == [
        Verdict.met,
        Verdict.missed,
        Verdict.met,
        Verdict.baseline,
    ]
    near, far, *_ = first.results
    assert near.ratio == pytest.approx(200 / 201) and near.limit == pytest.approx(0.95 * 201 / N)
    assert "1 by the reference, 0 by this one" in near.note and far.interval.value == pytest.approx(240 / N)
    assert first.value("accuracy.norm", "base").value == pytest.approx(300 / N)
    told = first.breakdown["tasks"]["arc"]
    assert told["lost"] == {"base": [{"document": 200, "excerpt": "question 200"}]}


def test_a_metric_that_the_task_lacks_is_told_before_anything_is_asked(asked, tmp_path):
    (tmp_path / "task.json").write_text(json.dumps({"config": {"output_type": "generate_until"}}))
    with pytest.raises(DiagnosticError) as wrong:
        run(tmp_path, [bound("accuracy.norm", ">=", "40%")])
    assert wrong.value.diagnostics[0].code == "E0909" and asked == []


def test_what_goes_wrong_is_told_at_the_bound(tmp_path, asked, monkeypatch):
    def fails(artifact, data, **_):
        raise DiagnosticError(error("E0908", "it ended"))

    monkeypatch.setattr(tasks_judged, "score_task", fails)
    with pytest.raises(DiagnosticError) as wrong:
        run(tmp_path, [bound("accuracy", ">=", "40%")])
    assert [d.code for d in wrong.value.diagnostics] == ["E0908"] and "E0908" in CODES
