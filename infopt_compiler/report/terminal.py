"""The report on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.diagnostics import Diagnostic, render_text
from infopt_compiler.report.attributed import attributed
from infopt_compiler.report.values import (
    MARK,
    bound_text,
    coverage_notes,
    interval_text,
    last_line,
    limit_text,
    margin_text,
    value_text,
)
from infopt_compiler.units import Dimension, human

if TYPE_CHECKING:
    from rich.console import Console

_COLOR = {
    "met": "green",
    "missed": "red",
    "inconclusive": "yellow",
    "predicted": "cyan",
    "baseline": "blue",
    "failed": "red",
}


_PLAIN_WIDTH = 140  # columns where nobody's terminal says otherwise: a CI log


def show(report: dict[str, Any], where: str, console: Console, *, verdict_only: bool = False) -> None:
    """Tables of passes and bounds (unless `verdict_only`); the last line says the verdict, of all bounds, and where the report is."""
    if not verdict_only:
        _show_tables(report, console)
    console.print(
        last_line(report, where),
        style=f"bold {_COLOR[report['verdict']]}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _show_tables(report: dict[str, Any], console: Console) -> None:
    if report["passes"]:
        console.print(_passes(report))
    if report["bounds"]:
        console.print(_bounds(report))
    for title, head, rows, note in attributed(report):
        console.print(_attribution(title, head, rows))
        console.print(note, style="dim", highlight=False, markup=False)
    for line in coverage_notes(report):
        style = "bold yellow" if line.startswith("!") else "dim"
        console.print(line, style=style, highlight=False, markup=False)


def tell_report(
    report: dict[str, Any], folder: Path, engine: dict[str, Any], found: list[Diagnostic]
) -> None:
    """`engine`: the configuration's group. Diagnostics with their carets to stderr, the tables and the verdict to stdout."""
    import os
    import sys

    from rich.console import Console

    if found:
        sys.stderr.write(render_text(found, color=engine["color"] and sys.stderr.isatty()) + "\n")
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH
    console = Console(file=sys.stdout, no_color=not engine["color"], highlight=False, width=width)
    show(report, place(folder), console, verdict_only=engine["verbosity"] < 0)


def place(folder: Path) -> str:
    """The folder as a user would type it from here."""
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)


def _passes(report: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="passes", title_justify="left", box=None, pad_edge=False)
    for name in ("binding", "pass", "time", "peak RSS", "digest"):
        table.add_column(name, justify="right" if name in ("time", "peak RSS") else "left", no_wrap=True)
    for row in report["passes"]:
        table.add_row(
            row["name"],
            row["pass"],
            "cached" if row["cached"] else human(row["seconds"], Dimension.time),
            human(row["peak_rss_bytes"], Dimension.bytes) if row["peak_rss_bytes"] else "–",
            (row["digest"] or "–")[:12],
        )
    return table


def _attribution(title: str, head: list[str], rows: list[list[str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index < 2 else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _bounds(report: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="budget", title_justify="left", box=None, pad_edge=False)
    for name in ("verdict", "bound", "value", "interval", "limit", "margin"):
        table.add_column(name, justify="left" if name in ("verdict", "bound") else "right")
    for bound in report["bounds"]:
        table.add_row(
            Text(MARK[bound["verdict"]], style=_COLOR[bound["verdict"]]),
            Text(bound_text(bound)),
            value_text(bound, bound["value"]),
            interval_text(bound),
            limit_text(bound),
            margin_text(bound),
        )
    return table
