"""How much faster the student is: forwards of one window, teacher and student in turn."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from .amounts import TIMED
from .decoder import load_decoder
from .qat_weights import load_quantized


def compare_speed(teacher: Path, student: Path, windows_NS: Tensor, quantized: bool) -> dict[str, Any]:
    """Seconds of a forward in float32 (median of seven, the first left out), and their ratio."""
    models = {
        "teacher": load_decoder(teacher),
        "student": load_quantized(student) if quantized else load_decoder(student),
    }
    ids_BS = windows_NS[:1]
    taken: dict[str, list[float]] = {name: [] for name in models}
    with torch.inference_mode():
        for _ in range(TIMED):
            for name, model in models.items():
                started = time.perf_counter()
                model(ids_BS)
                taken[name].append(time.perf_counter() - started)
    seconds = {name: median(values[1:]) for name, values in taken.items()}
    return {"forward_seconds": seconds, "faster": seconds["teacher"] / seconds["student"]}
