"""recipe.lock: what a build was made from, so that another build can be compared with it byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCK_VERSION = 1


def read_lock(path: Path) -> dict[str, Any]:
    """The lock file's content; ValueError when it is not one."""
    try:
        lock = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as mistake:
        raise ValueError(f"{path} is no lock file: {mistake}") from mistake
    if not isinstance(lock, dict) or lock.get("lock_version") != LOCK_VERSION:
        raise ValueError(f"{path} is no lock file of version {LOCK_VERSION}")
    return lock


def pinned_digests(path: Path) -> dict[str, str]:
    """The digest of each step in a lock file; nothing where there is no lock that can be read (which is told elsewhere)."""
    try:
        steps = read_lock(path).get("steps") or {}
    except (OSError, ValueError):
        return {}
    return {name: str(step.get("digest")) for name, step in steps.items() if isinstance(step, dict)}


def lock_text(lock: dict[str, Any]) -> str:
    return json.dumps({"lock_version": LOCK_VERSION, **lock}, indent=2, sort_keys=True) + "\n"


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line per value that differs, by its path: `steps.q.digest: a1… in the lock, b2… now`."""
    return [f"{path}: {_short(a)} in the lock, {_short(b)} now" for path, a, b in _walk(old, new, ())]


def _walk(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _walk(old.get(key), new.get(key), (*path, key))
    elif old != new and path != ("lock_version",):
        yield ".".join(path), old, new


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "…"
