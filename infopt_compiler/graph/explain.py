"""Why a step is not cached: what differs from what the same binding of the same recipe was before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TITLES = {
    "pass": "the pass",
    "version": "the version of the pass",
    "seed": "the seed",
    "machine": "the machine",
}
_SECTIONS = {
    "parameters": "`{}`",
    "inputs": "input `{}`",
    "libraries": "version of {}",
    "scenarios": "scenario `{}`",
    "target": "target's `{}`",
}


def explain(material: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[str]:
    """One line per difference: ``bits`: 4 → 8`. `old` is the material of what this recipe's binding was last."""
    if old is None:
        return ["this recipe has not made it before"]
    if old.get("pass") != material.get("pass"):
        return [f"the pass: {old.get('pass')} → {material.get('pass')}"]
    return list(_differences(old, material)) or ["its artifact is gone from the store"]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key, title in _TITLES.items():
        if old.get(key) != new.get(key):
            yield f"{title}: {_show(old.get(key))} → {_show(new.get(key))}"
    for section, title in _SECTIONS.items():
        before, after = old.get(section) or {}, new.get(section) or {}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"{title.format(name)}: {_show(before.get(name))} → {_show(after.get(name))}"


def _show(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_show(item) for item in value) or "none"
    if isinstance(value, str) and len(value) == 64:
        return value[:12]  # a digest: shown short, compared whole
    return "none" if value is None else str(value)
