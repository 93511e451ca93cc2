"""What a timing depends on besides artifact, machine and libraries: the host, and variables that runtimes read."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

# Of OpenMP and its two runtimes, of math libraries, onnxruntime, the tokenizers' threads, and the allocator.
_READ_BY_RUNTIMES = (
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "BLIS_",
    "VECLIB_",
    "DNNL_",
    "ONEDNN_",
    "ATEN_",
    "ORT_",
    "RAYON_",
    "TOKENIZERS_",
    "MALLOC_",
    "LD_PRELOAD",
)
# Images of one cloud may share the first, containers the second and third; together they rarely do.
_IDENTITIES = ("/etc/machine-id", "/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/product_serial")


def runtime_variables() -> dict[str, str]:
    """Environment variables that change how a runtime threads, places, computes or allocates."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(_READ_BY_RUNTIMES)}


@cache
def host_digest() -> str:
    """SHA-256 of what tells this host from another of the same kind; nothing of it can be read back."""
    parts = [platform.node(), *(_read(Path(place)) for place in _IDENTITIES)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _read(place: Path) -> str:
    try:
        return place.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""  # not there, or for root only


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
