"""The report of a build: plain data, written as report.json; every renderer reads only that data."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1

EXIT_MEANING = {
    0: "every bound is met",
    1: "the recipe is wrong or a pass failed",
    2: "wrong usage of the command line",
    3: "a bound is missed",
    4: "a bound is inconclusive, or only predicted",
}


@dataclass
class Report:
    """See `schema.json` beside this file for every field, its unit and its meaning. Times in seconds, sizes in bytes."""

    recipe: str
    verdict: str
    exit_code: int
    overrides: list[str] = field(default_factory=list)
    started: str = ""
    seconds: float = 0.0
    bounds: list[dict[str, Any]] = field(default_factory=list)
    passes: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    measured: list[dict[str, Any]] = field(default_factory=list)
    target: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    diagnostics: list[dict[str, Any]] = field(default_factory=list)
    graph: dict[str, Any] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    layers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    attribution: dict[str, dict[str, Any]] = field(default_factory=dict)
    next: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        artifact = self.artifacts[0] if self.artifacts else None
        return {"schema_version": SCHEMA_VERSION, **self.__dict__, "artifact": artifact}


def place(folder: Path) -> str:
    """The folder as a user would type it from here."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)


def write_text(path: Path, text: str) -> None:
    """Write by rename, so that a reader never sees half of a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
