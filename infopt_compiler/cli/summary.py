"""One table after a sweep: a row per job with its overrides, its verdict and what was judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.cli.jobs import Job
from infopt_compiler.cli.terminal import wants_color
from infopt_compiler.config.overrides import split_override

if TYPE_CHECKING:
    from rich.console import Console

_MOST_VALUES = 6
_COLOR = {
    "met": "green",
    "missed": "red",
    "inconclusive": "yellow",
    "predicted": "cyan",
    "baseline": "blue",
    "failed": "red",
}


def show_summary(jobs: Sequence[Job], swept: Sequence[str], folder: Path, *, no_color: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from infopt_compiler.report.model import place

    console = Console(file=sys.stdout, no_color=not wants_color(sys.stdout, no_color), highlight=False)
    metrics = _metrics(jobs)
    table = Table(title=f"sweep of {len(jobs)} jobs", title_justify="left", box=None, pad_edge=False)
    for name in ("job", "overrides", "verdict", *metrics):
        table.add_column(
            name, justify="right" if name in metrics else "left", no_wrap=name in ("job", "verdict")
        )
    for job in jobs:
        verdict = job.report["verdict"] if job.report else "no report"
        values = [Text(_value(job.report, metric)) for metric in metrics]
        overrides = Text(_overrides(job.report, swept))
        table.add_row(str(job.number), overrides, Text(verdict, style=_COLOR.get(verdict, "red")), *values)
    _wide(console, table)
    console.print(f"sweep: {_count(jobs)} · reports: {place(folder)}", soft_wrap=True, markup=False)


def _wide(console: Console, table: Any) -> None:
    """A table is not squeezed where nobody looks at it (a pipe is 80 columns wide to rich)."""
    console.print(table, width=None if console.is_terminal else 200)


def _metrics(jobs: Sequence[Job]) -> list[str]:
    names = [bound["metric"] for job in jobs if job.report for bound in job.report.get("bounds", [])]
    return list(dict.fromkeys(names))[:_MOST_VALUES]


def _value(report: dict[str, Any] | None, metric: str) -> str:
    """The value of a metric with the mark of its verdict."""
    from infopt_compiler.report.values import MARK, value_text

    for bound in (report or {}).get("bounds", []):
        if bound["metric"] == metric:
            return f"{value_text(bound, bound['value'])} {MARK[bound['verdict']][0]}"
    return "–"


def _overrides(report: dict[str, Any] | None, swept: Sequence[str]) -> str:
    """What this job has of its own: the swept overrides, as the recipe writes them."""
    words = [split_override(text) for text in (report or {}).get("overrides", [])]
    own = [word for word in words if word is not None and (not swept or word.path in swept)]
    return " ".join(f"{word.path}={(word.value or '').strip(chr(39))}" for word in own)


def _count(jobs: Sequence[Job]) -> str:
    verdicts = [job.report["verdict"] if job.report else "no report" for job in jobs]
    return ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))
