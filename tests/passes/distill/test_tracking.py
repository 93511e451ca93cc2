"""Where curves go: to the tools that the environment names, student and control apart. The tools themselves are stand-ins."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from infopt_compiler.passes.distill import tracking
from infopt_compiler.passes.distill.tracking import MLFLOW, TENSORBOARD, open_log

_WRITTEN: list[tuple[Any, ...]] = []


class Writer:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add_scalar(self, name: str, value: float, step: int) -> None:
        _WRITTEN.append((self.folder, name, value, step))

    def flush(self) -> None:
        pass


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    _WRITTEN.clear()
    board, flow = ModuleType("torch.utils.tensorboard"), ModuleType("mlflow")
    board.SummaryWriter = Writer  # type: ignore[attr-defined]
    runs: list[str] = []
    flow.active_run = lambda: runs[-1] if runs else None  # type: ignore[attr-defined]
    flow.start_run = lambda run_name: runs.append(run_name)  # type: ignore[attr-defined]
    flow.log_metrics = lambda found, step: _WRITTEN.append((runs[-1], found, step))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    monkeypatch.setitem(sys.modules, "mlflow", flow)
    monkeypatch.setattr(tracking, "find_spec", lambda name: object())
    for name in (TENSORBOARD, MLFLOW):
        monkeypatch.delenv(name, raising=False)


def test_nobody_watches() -> None:
    assert open_log("run") is None


def test_student_and_control_have_curves_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TENSORBOARD, str(tmp_path))
    monkeypatch.setenv(MLFLOW, "file:somewhere")
    log = open_log("run")
    assert log is not None
    for label in ("distilled", "control"):
        log(label, 3, {"loss": 1.5})
    assert list(_WRITTEN) == [
        (f"{tmp_path}/run/distilled", "loss", 1.5, 3),
        ("run", {"distilled/loss": 1.5}, 3),
        (f"{tmp_path}/run/control", "loss", 1.5, 3),
        ("run", {"control/loss": 1.5}, 3),
    ]
