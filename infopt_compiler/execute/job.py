"""What a worker is asked to do, as plain JSON in a file: a process boundary that anyone can read.

The worker imports this, so nothing of the graph is here (`make_job` writes what is read here).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import KINDS, Artifact
from infopt_compiler.scenario import Scenario


@dataclass(frozen=True)
class Job:
    """`kind`: model, data or pass. `work` is plain data of that kind; `parent` the process that wants the result;
    `earlier`: folder and facts of the step's result that was not final."""

    kind: str
    name: str
    work: dict[str, Any]
    staging: str
    scratch: str
    threads: int
    seed: int
    target: dict[str, Any]
    parent: int
    earlier: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def read_input(data: Any) -> Artifact | Scenario | tuple[Any, ...] | None:
    """The handle that `work_of` wrote."""
    if data is None:
        return None
    if isinstance(data, list):
        return tuple(read_input(item) for item in data)
    if "scenario" in data:
        return Scenario(**data["scenario"])
    return KINDS.find(data["kind"])(Path(data["path"]), data["digest"])
