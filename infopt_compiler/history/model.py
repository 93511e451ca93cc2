"""The rows of the history."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infopt_compiler.budget import Spread


@dataclass(frozen=True)
class Figure:
    """One value of a build, in base units: a bound where `operator` is set, else a value that was measured beside.

    `conditions` is a digest of all that makes two values comparable besides their names: the scenario's settings,
    the windows that were scored. `text` is the digest of the data `on`. `spread` is the subject's own value with its
    limits at several confidences, None where it was not measured.
    """

    budget: str
    subject: str
    metric: str  # with its aggregate
    unit: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    basis: str
    digest: str = ""  # of the subject's artifact
    scenario: str | None = None
    on: str | None = None
    reference: str | None = None  # of `vs`
    conditions: str = ""
    text: str | None = None
    spread: Spread | None = None
    operator: str | None = None
    limit: float | None = None
    limit_raw: str | None = None
    relative_to: str | None = None
    severity: str | None = None
    verdict: str | None = None

    @property
    def name(self) -> str:
        """As a budget says it: `tpot.p50`, `kl.mean vs base on heldout`."""
        vs = f" vs {self.reference}" if self.reference else ""
        return self.metric + vs + (f" on {self.on}" if self.on else "")


@dataclass(frozen=True)
class Build:
    """One build. `recipe` is its path from the folder that holds `outputs`; `variant` its overrides but for limits and
    for how is measured; `machine` the digest of the machine's identity, `machine_name` its processor for people."""

    recipe: str
    variant: tuple[str, ...]
    overrides: tuple[str, ...]
    started: str  # ISO 8601, UTC
    seconds: float
    machine: str
    machine_name: str
    target: str
    verdict: str
    exit_code: int
    folder: str
    commit: str | None = None
    dirty: bool = False
    figures: tuple[Figure, ...] = ()
    number: int = 0  # in the order in which builds ended

    def to_json(self) -> dict[str, Any]:
        """Without its figures."""
        return {name: value for name, value in self.__dict__.items() if name != "figures"}


def project_path(path: Path, outputs: Path) -> str:
    """A path from the folder that holds `outputs`: the same in every checkout of a project."""
    return os.path.relpath(path.resolve(), outputs.resolve().parent).replace(os.sep, "/")


@dataclass(frozen=True)
class Wanted:
    """The value that a bound `of last` compares with. `machine` and `text` are None where they do not matter."""

    recipe: str
    variant: tuple[str, ...]
    budget: str
    subject: str
    metric: str
    on: str | None
    reference: str | None
    conditions: str
    machine: str | None = None
    text: str | None = field(default=None)
