"""Memory on GPUs: what the driver counts for this process, nothing where there is none."""

from __future__ import annotations

import os
from types import SimpleNamespace

from infopt_compiler.measure.serving.process import gpu_bytes


def driver(*processes: tuple[int, int | None]) -> SimpleNamespace:
    """The functions of the driver's library that are called, on two cards."""
    rows = [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in processes]
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: rows[handle::2],
    )


def test_this_process_on_all_cards_and_no_other():
    me = os.getpid()
    assert gpu_bytes(driver((me, 5), (me, 7), (1, 100))) == 12
    assert gpu_bytes(driver((me, None))) == 0


def test_without_a_gpu_it_is_unknown():
    assert gpu_bytes(SimpleNamespace()) is None
