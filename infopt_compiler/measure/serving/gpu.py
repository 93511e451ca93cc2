"""Memory of this process on GPUs, where there is one and the driver's library (`nvidia-ml-py`) is installed."""

from __future__ import annotations

import os
from typing import Any


def gpu_bytes(nvml: Any = None) -> int | None:
    """Bytes that this process holds on all GPUs, as the driver counts them; None where there is no GPU, no driver or no library."""
    try:
        import_nvml = nvml
        if import_nvml is None:
            import pynvml as import_nvml  # type: ignore[import-not-found,no-redef,unused-ignore]
        import_nvml.nvmlInit()
        count = import_nvml.nvmlDeviceGetCount()
        handles = [import_nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        held = [
            process.usedGpuMemory or 0
            for handle in handles
            for process in import_nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid == os.getpid()
        ]
    except Exception:  # the library's errors are classes of its own, and it may be missing
        return None
    return sum(held) if count else None
