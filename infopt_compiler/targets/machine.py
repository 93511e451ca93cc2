"""What this machine is: whatever a timing depends on, as plain data and one digest. No timing crosses it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

# Instruction sets that the kernels of onnxruntime and torch dispatch on.
_FLAGS = (
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "asimddp",
    "i8mm",
    "sve",
)
_CGROUP = Path("/sys/fs/cgroup")


@cache
def machine_identity() -> dict[str, Any]:
    """CPU model, flags, cores that this process may use, memory, limits of the container, system."""
    model, flags = _cpu()
    return {
        "cpu": model,
        "flags": [flag for flag in _FLAGS if flag in flags],
        "cores": allowed_cores(),
        "cores_installed": os.cpu_count() or 1,
        "memory_bytes": memory_bytes(),
        "cpu_quota": _cpu_quota(),
        "cache_bytes": last_level_cache(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "hypervisor": "hypervisor" in flags,
    }


@cache
def machine_digest() -> str:
    """SHA-256 of the identity: part of every key that holds a timing."""
    text = json.dumps(machine_identity(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def allowed_cores() -> int:
    """Cores that this process may run on: affinity (where the system knows it) and not merely installed ones."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Installed memory, or the container's limit where that is lower."""
    import psutil

    installed = int(psutil.virtual_memory().total)
    limits = (_read_int(_CGROUP / "memory.max"), _read_int(_CGROUP / "memory/memory.limit_in_bytes"))
    return min([installed, *(limit for limit in limits if limit)])


def last_level_cache() -> int:
    """Bytes of the largest cache that the system shows; 32 MB where it shows none."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    return max((_size(path.read_text()) for path in sizes), default=0) or 32 * 2**20


def _cpu() -> tuple[str, frozenset[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown", frozenset()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    numbers = (
        f"{name} {fields[key]}"
        for name, key in (("family", "cpu family"), ("model", "model"))
        if key in fields
    )
    model = " ".join([fields.get("model name", platform.processor() or "unknown"), *numbers])
    return model, frozenset(fields.get("flags", fields.get("Features", "")).split())


def _cpu_quota() -> float | None:
    """Cores' worth of time that the container may use (cgroup v2 or v1); None: not limited."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        folder = _CGROUP / "cpu"
        old_quota, old_period = (_read_int(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        return old_quota / old_period if old_quota and old_period else None


def _read_int(path: Path) -> int | None:
    try:
        value = int(path.read_text())
    except (OSError, ValueError):
        return None
    return value if value > 0 else None


def _size(text: str) -> int:
    scale = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text.strip()[-1:], 1)
    digits = text.strip().rstrip("KMG")
    return int(digits) * scale if digits.isdigit() else 0
