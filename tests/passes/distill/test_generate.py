"""Whose words are trained on: the share that the student writes, and what its control reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from infopt_compiler.artifacts import HFModel
from infopt_compiler.passes.distill import run
from infopt_compiler.passes.distill.generate import OnPolicyTask
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.parameters import Source
from infopt_compiler.passes.distill.prepare import prepare, read
from infopt_compiler.passes.distill.tasks import make_task
from tests.passes.distill.conftest import Context, small


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_student_writes_its_share_of_windows(share: float) -> None:
    """Decided by the window, not by how many are looked at at once: one of a half would be none."""
    task = OnPolicyTask.__new__(OnPolicyTask)
    task.share = share
    for step in (0, 7):
        assert sum(task.writes(item, step) for item in range(200)) == pytest.approx(200 * share, abs=1)


def test_a_control_reads_nothing_that_the_teacher_wrote(
    teacher: HFModel, texts: dict[str, Any], ctx: Context
) -> None:
    """Sequence level: with the teacher's words, control and student would be the same."""
    settings = small(source=Source.teacher, objective=Objective.hard, share="100%", tokens="256 tokens")
    started = run.Run(settings, ctx, teacher.path, None, texts["text"])
    started.work.mkdir()
    prepared = prepare(started.setup)
    tasks = {
        label: make_task(started.setup, label, blend, prepared)[0]
        for label, blend in started.blends().items()
    }
    assert torch.equal(tasks["control"].train_NS, read(started.setup).train_NS)
    assert not torch.equal(tasks["distilled"].train_NS, tasks["control"].train_NS)
    assert tasks["control"].items == tasks["distilled"].items


def test_curves_of_kl_are_at_temperature_one(teacher: HFModel, texts: dict[str, Any], tmp_path: Path) -> None:
    """Before a step the student is the same, whatever temperature it will learn at."""
    found = []
    for temperature in (1.0, 3.0):
        ctx = Context(tmp_path / f"{temperature}", tmp_path)
        ctx.staging.mkdir()
        started = run.Run(small(temperature=temperature), ctx, teacher.path, None, texts["text"])
        started.work.mkdir()
        task, _ = make_task(started.setup, "distilled", started.blends()["distilled"], prepare(started.setup))
        found.append(task.validate())
    assert found[1]["kl"] == pytest.approx(found[0]["kl"], rel=1e-5)
    assert found[1]["loss"] != pytest.approx(found[0]["loss"], rel=1e-2)
