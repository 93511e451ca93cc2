"""What this machine computes with, and whether a training fits it."""

from __future__ import annotations

import os
from pathlib import Path

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.units import Dimension, human

from .training.errors import DoesNotFit

_OTHERS_BYTES = 700e6  # the libraries
_STATE_BYTES = 4 + 4 + 8  # of a trained weight: itself, its gradient, AdamW's two moments


def device_name() -> str:
    """`cuda` where there is one (of several processes each has its own), else `cpu`."""
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"


def multiplies_bfloat16(device: str) -> bool:
    """Whether products in bfloat16 are faster than in float32 here. Asked by estimates, too: no torch for a processor."""
    if device != "cpu":
        import torch

        return bool(torch.cuda.is_bf16_supported())
    flags = Path("/proc/cpuinfo")
    text = flags.read_text("ascii", errors="replace") if flags.is_file() else ""
    return "avx512_bf16" in text or "amx_bf16" in text


def free_bytes() -> float:
    """Memory that this process may take: what is available now."""
    file = Path("/proc/meminfo")
    if file.is_file():
        for line in file.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def needed_bytes(teacher: ModelSpec, student: ModelSpec, *, tables: bool) -> tuple[float, float]:
    """(teacher, student): the teacher's weights; the student's with gradients and moments."""
    trained = student.linear_parameters + (student.head_parameters if tables else 0)
    return 4.0 * teacher.parameters, 4.0 * student.parameters + _STATE_BYTES * trained


def require_memory(
    teacher: Path, student: Path | None, settings: DistillParameters, device: str = "cpu"
) -> None:
    """DoesNotFit, with the numbers, before anything is loaded."""
    large = ModelSpec.from_folder(teacher)
    small = ModelSpec.from_folder(student) if student else settings.student_of(large)
    of_teacher, of_student = needed_bytes(large, small, tables=settings.train_embeddings)
    for free, count, where in _memories(settings.world_size, device):
        if count * (of_teacher + of_student + _OTHERS_BYTES) <= free:
            continue
        words = [human(value, Dimension.bytes) for value in (of_teacher, of_student, free)]
        each = f" in each of {count} processes" if count > 1 else ""
        raise DoesNotFit(
            f"the teacher takes {words[0]}, the student with gradients and the optimizer {words[1]}{each}, "
            f"and {words[2]} are free{where}",
            help="choose a smaller teacher or student" + (", or fewer `world_size`" if count > 1 else ""),
        )


def _memories(processes: int, device: str) -> list[tuple[float, int, str]]:
    """Free bytes, how many processes share them, and where they are. With GPUs each process has one of its own, and reads
    models into main memory before they go there."""
    import torch

    found = [(free_bytes(), processes, "")]
    if device != "cpu":
        found += [(float(torch.cuda.mem_get_info()[0]), 1, " on the GPU")]
    return found
