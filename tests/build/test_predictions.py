"""What was predicted before a build is what its plan.json says, whatever the passes found out since."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from infopt_compiler.budget import Interval
from infopt_compiler.build.assemble import Findings
from infopt_compiler.build.predictions import predictions
from infopt_compiler.measure.evaluation import Evaluation, Value
from infopt_compiler.plan import Plan
from infopt_compiler.targets import Predicted, seen_errors


@pytest.fixture
def job(monkeypatch, tmp_path):
    monkeypatch.setenv("INFOPT_CACHE", str(tmp_path))
    budget = SimpleNamespace(subject="chat")
    return SimpleNamespace(program=SimpleNamespace(budgets={"b": budget}), target=SimpleNamespace(here=True))


def findings(predicted) -> Findings:
    values = [
        Value("tpot.p50", "chat", Interval(0.02, 0.01, 0.03, 0.95)),
        Value("tpot.p50", "base", Interval(0.5, 0.4, 0.6, 0.95)),
        Value("size", "chat", Interval.exact(176_000.0)),
    ]
    plan = Plan("r", "cpu", (), (), predicted={"b": predicted})
    return Findings(evaluations={"b": Evaluation([], values)}, plan=plan)


def test_rows_hold_the_plans_own_prediction_against_what_was_measured(job):
    found = findings(
        {"tpot.p50": Predicted(0.03, 0.02, 0.04, ""), "perplexity": Predicted(9.0, 9.0, 9.0, "")}
    )
    (row,) = predictions(job, found)
    assert row == {"what": "bound", "name": "b", "quantity": "tpot.p50", "predicted": 0.03, "measured": 0.02, "error": pytest.approx(0.5)}  # fmt: skip


def test_what_no_plan_predicted_has_no_error(job):
    assert predictions(job, findings({})) == []
    found = findings({})
    found.plan = None
    assert predictions(job, found) == [] and seen_errors() == {}
