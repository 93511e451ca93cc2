"""Training curves for the tools that watch them, where these are installed and asked for by their environment."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from .training.loop import Log

TENSORBOARD = (
    "INFOPT_TENSORBOARD"  # a folder; an environment variable, since where curves go changes no result
)
MLFLOW = "MLFLOW_TRACKING_URI"


def open_log(run: str) -> Log | None:
    """Writes each step's values to TensorBoard (`INFOPT_TENSORBOARD`) and MLflow (`MLFLOW_TRACKING_URI`); None for neither."""
    logs = [log for log in (_tensorboard(run), _mlflow(run)) if log is not None]
    if not logs:
        return None

    def both(label: str, step: int, found: dict[str, float]) -> None:
        for log in logs:
            log(label, step, found)

    return both


def _tensorboard(run: str) -> Log | None:
    folder = os.environ.get(TENSORBOARD)
    if not folder or find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    writers: dict[str, SummaryWriter] = {}  # student and control have curves of their own

    def log(label: str, step: int, found: dict[str, float]) -> None:
        writer = writers.get(label) or writers.setdefault(
            label, SummaryWriter(str(Path(folder) / run / label))
        )
        for name, value in found.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return log


def _mlflow(run: str) -> Log | None:
    if not os.environ.get(MLFLOW) or find_spec("mlflow") is None:
        return None
    mlflow = import_module("mlflow")

    if mlflow.active_run() is None:
        mlflow.start_run(run_name=run)

    def log(label: str, step: int, found: dict[str, float]) -> None:
        mlflow.log_metrics({f"{label}/{name}": value for name, value in found.items()}, step=step)

    return log
