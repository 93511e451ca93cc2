"""Times of kernels and layers on this machine, kept on disk: each is measured once for a machine and an onnxruntime."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from infopt_compiler.targets.counters import BUSY_SHARE, others_share, read_counters

VERSION = 4
_LONGEST = 300  # seconds that measuring may take
_AGAIN = 600.0  # seconds after which what was timed on a busy machine is timed anew


def kernel_rates(kinds: Iterable[str], cache_root: Path | None = None) -> dict[str, Any]:
    """The constants of each kind (see `kernels`): from the cache, else measured (about 3 s each) and kept. What was
    timed while others used the cores is not kept for long.

    Raises OSError where the cache cannot be written, RuntimeError where measuring fails.
    """
    from infopt_compiler.artifacts.durable import write_json
    from infopt_compiler.artifacts.store import cache_root as default_root
    from infopt_compiler.targets.machine import machine_digest

    path = (cache_root or default_root()) / "machine" / f"{machine_digest()}.kernels.json"
    known, disturbed = _read(path)
    wanted, now = list(dict.fromkeys(kinds)), time.time()
    missing = [kind for kind in wanted if kind not in known or now - disturbed.get(kind, now) > _AGAIN]
    if missing:
        measured, share = measure_kernels(missing)
        known = {**known, **measured}
        disturbed = {kind: at for kind, at in disturbed.items() if kind not in missing}
        disturbed |= dict.fromkeys(missing, now) if share > BUSY_SHARE else {}
        record = {"version": VERSION, "runtime": _runtime(), "kernels": known, "disturbed": disturbed}
        write_json(path, record)
    return {kind: known[kind] for kind in wanted}


def measure_kernels(kinds: list[str]) -> tuple[dict[str, Any], float]:
    """Measured in a child process: constants by kind, and the share of the cores that others used meanwhile.

    RuntimeError with its last words if it fails.
    """
    command = [sys.executable, "-P", "-m", "infopt_compiler.targets.kernels", *kinds]
    before = read_counters()
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"timing the kernels of this machine took over {_LONGEST} s") from None
    if child.returncode != 0:
        raise RuntimeError(f"timing the kernels of this machine failed: {child.stderr.strip()[-500:]}")
    return json.loads(child.stdout.splitlines()[-1]), others_share(before, read_counters())


def _runtime() -> str:
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return "none"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Constants by kind, and when (Unix seconds) those were timed that others disturbed."""
    try:
        record = json.loads(path.read_text("utf-8"))
        if record["version"] == VERSION and record["runtime"] == _runtime():
            return dict(record["kernels"]), dict(record["disturbed"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}, {}
