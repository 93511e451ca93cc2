"""One table after a sweep: a row per job with its overrides, its verdict and what was judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infopt_compiler.cli.jobs import Job
from infopt_compiler.cli.terminal import wants_color
from infopt_compiler.config.overrides import split_override
from infopt_compiler.report.sweep import Sweep, SweepJob, compare, mark, sweep_markdown

_COLOR = {
    "met": "green",
    "missed": "red",
    "inconclusive": "yellow",
    "predicted": "cyan",
    "baseline": "blue",
    "failed": "red",
}


def show_summary(jobs: Sequence[Job], swept: Sequence[str], folder: Path, *, no_color: bool) -> None:
    """The table, which job is best, and the verdicts of all; what folds is the table's overrides."""
    from rich.console import Console

    from infopt_compiler.report.model import place

    console = Console(file=sys.stdout, no_color=not wants_color(sys.stdout, no_color), highlight=False)
    sweep = compare_jobs(jobs, swept)
    console.print(_table(sweep), width=None if console.is_terminal else 200)
    for line in (*_left_out(sweep), *sweep.lines, f"sweep: {sweep.count} · reports: {place(folder)}"):
        console.print(line, soft_wrap=True, markup=False)


def _left_out(sweep: Sweep) -> list[str]:
    """The columns that the terminal's table does not show."""
    names = ", ".join(f"`{name}`" for name in sweep.left_out)
    return [f"not shown, as no job misses it or leaves it open: {names} (report.md has all)"] if names else []


def compare_jobs(jobs: Sequence[Job], swept: Sequence[str]) -> Sweep:
    return compare([SweepJob(job.number, _overrides(job.report, swept), job.report) for job in jobs])


def write_summary(jobs: Sequence[Job], swept: Sequence[str], folder: Path, recipe: str) -> None:
    """report.md and junit.xml of the whole sweep, beside the jobs' folders."""
    from infopt_compiler.report.junit import sweep_junit
    from infopt_compiler.report.model import write_text

    sweep = compare_jobs(jobs, swept)
    write_text(folder / "report.md", sweep_markdown(sweep, recipe))
    named = {f"{recipe} job {job.number} ({job.overrides})": job.report for job in sweep.jobs}
    write_text(folder / "junit.xml", sweep_junit(named))


def _table(sweep: Sweep) -> Any:
    from rich.table import Table
    from rich.text import Text

    title = f"sweep of {len(sweep.jobs)} jobs"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("job", "overrides", "verdict", *sweep.shown):
        right = name in sweep.shown
        table.add_column(
            name.replace(".", "\n.").replace(" ", "\n") if right else name,
            justify="right" if right else "left",
            no_wrap=name in ("job", "verdict"),
            overflow="fold",
        )
    for job in sweep.jobs:
        values = [Text(job.cell(column)) for column in sweep.shown]
        verdict = Text(job.verdict, style=_COLOR.get(job.verdict, "red"))
        table.add_row(f"{job.number}{mark(sweep, job)}", Text(job.overrides), verdict, *values)
    return table


def _overrides(report: dict[str, Any] | None, swept: Sequence[str]) -> str:
    """What this job has of its own: the swept overrides, as the recipe writes them."""
    words = [split_override(text) for text in (report or {}).get("overrides", [])]
    own = [word for word in words if word is not None and (not swept or word.path in swept)]
    return " ".join(f"{word.path}={(word.value or '').strip(chr(39))}" for word in own)
