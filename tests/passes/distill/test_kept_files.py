"""A kill between any two writes: what is left is gone on with, and the same student ships."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infopt_compiler.artifacts import HFModel
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.artifacts.durable import write_json
from infopt_compiler.passes.distill import kept_files
from infopt_compiler.passes.distill.kept_files import (
    CONTROL,
    DISTILLED,
    FINISHED,
    WORK,
    open_array,
    ship,
    shipped,
    training_folder,
    unfinished,
)
from infopt_compiler.passes.distill.training.checkpoint import PROGRESS


@pytest.mark.slow
def test_two_real_kills_change_no_byte(teacher: HFModel, texts: dict[str, Any], tmp_path: Path) -> None:
    """SIGKILL, once while the student learns and once while the control does, not where a checkpoint is."""

    def started(root: Path, last: str) -> int:
        job = {"root": str(root), "last": last, "teacher": str(teacher.path)}
        job |= {"text": str(texts["text"][0].path), "heldout": str(texts["heldout"].path)}
        command = [sys.executable, "-m", "tests.passes.distill.killed", json.dumps(job)]
        return subprocess.run(command, check=False).returncode

    assert started(tmp_path / "whole", "") == 0
    assert started(tmp_path / "cut", "distilled: step 6") == -signal.SIGKILL
    kept = tmp_path / "cut/staging/.work/training/distilled/checkpoint.pt"
    assert kept.is_file()
    assert started(tmp_path / "cut", "control: step 3") == -signal.SIGKILL
    assert started(tmp_path / "cut", "") == 0
    digests = [digest_folder(tmp_path / name / "staging") for name in ("whole", "cut")]
    assert digests[0] == digests[1]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A student of two files in a work folder: student, staging, work."""
    staging = tmp_path / "staging"
    student = staging / ".work/distilled"
    (student / "inner").mkdir(parents=True)
    (student / "a.json").write_text("a")
    (student / "inner/b.json").write_text("b")
    return student, staging, staging / ".work"


@pytest.mark.parametrize("call", ["unlink", "link", "write_json", "rmtree"])
def test_killed_while_it_ships(
    places: tuple[Path, Path, Path], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its second call of each kind: either the work folder is whole, or the facts are there."""
    student, staging, work = places
    owner: Any = {"unlink": Path, "link": os, "write_json": kept_files, "rmtree": shutil}[call]
    whole, count = getattr(owner, call), 0

    def dying(*arguments: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == (1 if call in ("write_json", "rmtree") else 2):
            raise KeyboardInterrupt
        return whole(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(owner, call, dying)
        with pytest.raises(KeyboardInterrupt):
            ship(student, staging, work, {"x": 1})
    if not (staging / FINISHED).is_file():
        assert (student / "a.json").read_text() == "a" and (student / "inner/b.json").read_text() == "b"
        ship(student, staging, work, {"x": 1})
    else:
        assert shipped(staging, work) == {"x": 1}
    assert sorted(p.name for p in staging.rglob("*") if p.is_file()) == ["a.json", "b.json"]
    assert shipped(staging, work) is None


def test_an_array_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    (tmp_path / "a.partial").write_bytes(b"half")
    array, there = open_array(file, np.float16, (3, 2))
    assert not there and array.shape == (3, 2) and not (tmp_path / "a.partial").exists()
    array[:] = 7
    array.flush()
    again, there = open_array(file, np.float16, (3, 2))
    assert there and (again == 7).all()


def test_where_a_run_goes_on(tmp_path: Path) -> None:
    assert unfinished(tmp_path) is None
    work = tmp_path / WORK
    write_json(work / "seconds.json", {})
    assert unfinished(tmp_path) == "preparing"
    found = []
    for label in (DISTILLED, CONTROL):
        for step, ended in ((0, False), (20, False), (30, True)):
            note = {"step": step, "steps": 40, "ended": ended}
            write_json(training_folder(work, label) / "rank0of2" / PROGRESS, note)
            found.append(unfinished(tmp_path))
    assert found == [
        "step 0 of 40 of training `distilled`",
        "step 20 of 40 of training `distilled`",
        "training `control`",
        "step 0 of 40 of training `control`",
        "step 20 of 40 of training `control`",
        "judging",
    ]
