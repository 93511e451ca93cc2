"""How far off predictions were on this machine: one line for each, kept beside the probe; plans say what they show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

_RECENT = 30  # of each quantity


@dataclass(frozen=True)
class SeenError:
    """The median of |predicted / measured - 1|, over `count` builds."""

    share: float
    count: int

    def __str__(self) -> str:
        return f"±{self.share:.0%} ({self.count})"


def error_key(name: str, quantity: str) -> str:
    """`quantize seconds`, `bound tpot.p50`: what errors are kept under."""
    return f"{name} {quantity}"


def record_errors(rows: Iterable[Mapping[str, Any]], cache_root: Path | None = None) -> None:
    """Append the errors of rows with `key` and `error`. OSError where the cache cannot be written."""
    lines = [
        json.dumps({"key": row["key"], "error": row["error"]}) for row in rows if row["error"] is not None
    ]
    if not lines:
        return
    path = _path(cache_root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:  # one write: builds beside each other do not mix lines
        stream.write("\n".join(lines) + "\n")


def seen_errors(cache_root: Path | None = None) -> dict[str, SeenError]:
    """By key, over the newest thirty of each; lines that cannot be read are left out."""
    found: dict[str, list[float]] = {}
    try:
        lines = _path(cache_root).read_text("utf-8").splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            row = json.loads(line)
            found.setdefault(row["key"], []).append(abs(float(row["error"])))
        except (ValueError, KeyError, TypeError):
            continue
    return {key: SeenError(median(errors[-_RECENT:]), len(errors)) for key, errors in found.items()}


def _path(cache_root: Path | None) -> Path:
    from infopt_compiler.artifacts.store import cache_root as default_root
    from infopt_compiler.targets.machine import machine_digest

    return (cache_root or default_root()) / "machine" / f"{machine_digest()}.errors.jsonl"
