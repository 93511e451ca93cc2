"""The jobs of a run, read back from the reports in its folders, and the exit code of the worst one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORST_FIRST = (
    1,
    2,
    3,
    4,
    0,
)  # exit codes of a sweep's jobs; 2 of a plan's, whose overrides do not pass together


@dataclass(frozen=True)
class Job:
    """A job that ran: `report` is None where it left none."""

    number: int
    folder: Path
    report: dict[str, Any] | None

    @property
    def exit_code(self) -> int:
        code = self.report.get("exit_code") if self.report else None
        return code if code in _WORST_FIRST else 1


def worst(codes: Sequence[int]) -> int:
    """1 before 2 before 3 before 4 before 0; without any job 1."""
    return min(codes, key=_WORST_FIRST.index, default=1)


def sweep_jobs(folder: Path, expected: int | None) -> Iterator[Job]:
    """All jobs that should have run, and all that did."""
    ran = {int(path.name) for path in folder.iterdir() if path.is_dir() and path.name.isdigit()}
    for number in sorted(ran | set(range(expected or 0))):
        yield read_job(number, folder / str(number))


def no_report_hint(folder: Path) -> str:
    """What to do where a folder holds no report."""
    if (folder / "plan.json").is_file():
        return "that build was ended before it wrote one: build again"
    return "a run's folder is `outputs/<recipe>/<time>`; the newest is `outputs/<recipe>/latest`"


def read_job(number: int, folder: Path) -> Job:
    try:
        report = json.loads((folder / "report.json").read_text("utf-8"))
    except (OSError, ValueError):
        return Job(number, folder, None)
    return Job(number, folder, report if isinstance(report, dict) else None)
