"""Kernel times of this machine, kept on disk: each is measured once for a machine and a version of onnxruntime."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

VERSION = 1
_LONGEST = 300  # seconds that measuring may take


def kernel_rates(kinds: Iterable[str], cache_root: Path | None = None) -> dict[str, Any]:
    """The constants of each kind (see `kernels`): from the cache, else measured (about 1 s each) and kept.

    Raises OSError where the cache cannot be written, RuntimeError where measuring fails.
    """
    from infopt_compiler.artifacts.durable import write_json
    from infopt_compiler.artifacts.store import cache_root as default_root
    from infopt_compiler.targets.machine import machine_digest

    path = (cache_root or default_root()) / "machine" / f"{machine_digest()}.kernels.json"
    known, wanted = _read(path), list(dict.fromkeys(kinds))
    missing = [kind for kind in wanted if kind not in known]
    if missing:
        known = {**known, **measure_kernels(missing)}
        write_json(path, {"version": VERSION, "runtime": _runtime(), "kernels": known})
    return {kind: known[kind] for kind in wanted}


def measure_kernels(kinds: list[str]) -> dict[str, Any]:
    """Measured in a child process; RuntimeError with its last words if it fails."""
    command = [sys.executable, "-P", "-m", "infopt_compiler.targets.kernels", *kinds]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"timing the kernels of this machine took over {_LONGEST} s") from None
    if child.returncode != 0:
        raise RuntimeError(f"timing the kernels of this machine failed: {child.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return found


def _runtime() -> str:
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return "none"


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
        fits = record["version"] == VERSION and record["runtime"] == _runtime()
        return dict(record["kernels"]) if fits else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
