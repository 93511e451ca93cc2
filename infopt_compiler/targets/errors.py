"""How far off predictions were on this machine: one line for each, kept beside the probe; plans say what they show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

_RECENT = 30  # of each quantity
_FEWEST = 3  # of one or two nobody can say how far off predictions usually are


@dataclass(frozen=True)
class SeenError:
    """How far off, either way: the median over the newest `count` builds of the factor between predicted and measured, less one."""

    share: float
    count: int

    def __str__(self) -> str:
        """`±8%`; a factor, `×12`, where nobody reads percent."""
        return f"±{self.share:.0%}" if self.share < 1 else f"×{1 + self.share:.2g}"


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
    """By key, of those with three errors at least, over the newest thirty; lines that cannot be read are left out."""
    found: dict[str, list[float]] = {}
    try:
        lines = _path(cache_root).read_text("utf-8").splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            row = json.loads(line)
            ratio = 1 + float(row["error"])
            found.setdefault(row["key"], []).append(max(ratio, 1 / ratio) - 1)
        except (ValueError, KeyError, TypeError, ZeroDivisionError):
            continue
    recent = {key: errors[-_RECENT:] for key, errors in found.items() if len(errors) >= _FEWEST}
    return {key: SeenError(median(errors), len(errors)) for key, errors in recent.items()}


def _path(cache_root: Path | None) -> Path:
    from infopt_compiler.artifacts.store import cache_root as default_root
    from infopt_compiler.targets.machine import machine_digest

    return (cache_root or default_root()) / "machine" / f"{machine_digest()}.errors.jsonl"
