"""Checkpoints: everything that the next step depends on, in one file that is whole or not there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

LATEST = "checkpoint.pt"
BEST = "best.pt"
PROGRESS = (
    "progress.json"  # its step, of how many, and whether training ended there: to be read without torch
)
BEFORE = "before.pt"  # the checkpoint before the latest, where each process writes its own share


@dataclass
class State:
    """Where training is. `history`: one row per evaluation; `losses`: the mean loss of each step."""

    step: int = 0
    best: float = float("inf")
    best_step: int = 0
    waited: int = 0  # evaluations since the best one
    seconds: float = field(
        default=0.0, compare=False
    )  # that the steps and evaluations up to here took, whichever runs made them
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


def write(path: Path, content: dict[str, Any]) -> None:
    """Atomically: a kill leaves the old file or the new one."""
    import torch

    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """What was written; None where nothing was. Plain data and tensors only, no code runs."""
    import torch

    if not path.is_file():
        return None
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def copy_into(parameters: dict[str, Any], saved: dict[str, Tensor]) -> None:
    """Set parameters to saved values; KeyError where one is missing."""
    import torch

    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])
