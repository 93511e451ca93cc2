"""The report on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.diagnostics import Diagnostic, render_text
from infopt_compiler.report.attributed import attributed
from infopt_compiler.report.model import place
from infopt_compiler.report.next import next_lines
from infopt_compiler.report.tuned import tuned_lines
from infopt_compiler.report.values import (
    MARK,
    bound_labels,
    coverage_notes,
    last_line,
    margin_text,
    short_interval,
    value_text,
    verdict_line,
    worst_first,
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
    """The verdict and what to do now, what was found as tables of at most 80 columns, and both again where one looks
    last; with `verdict_only` the last line alone."""
    style = f"bold {_COLOR[report['verdict']]}"
    if not verdict_only:
        told = next_lines(report.get("next"))
        if report["passes"] or report["bounds"]:
            _lines(console, [verdict_line(report)], style)
            _lines(console, [f"  {line}" for line in told])
        _show_tables(report, console)
        _lines(console, told[1:])
    _lines(console, [last_line(report, where)], style)


def _lines(console: Console, lines: list[str], style: str = "") -> None:
    """Each as one line, whatever its length: a command is copied, a verdict is searched for."""
    for line in lines:
        console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)


def _show_tables(report: dict[str, Any], console: Console) -> None:
    if report["bounds"]:
        console.print(_bounds(report))
    for line in [*tuned_lines(report), *coverage_notes(report)]:
        busy = line.startswith("!")
        console.print(line, style="bold yellow" if busy else "dim", highlight=False, markup=False)
    if report["passes"]:
        console.print(_passes(report))
    for title, head, rows, note in attributed(report):
        console.print(_attribution(title, head, rows, console.width))
        console.print(note, style="dim", highlight=False, markup=False)


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


def _attribution(title: str, head: list[str], rows: list[list[str]], width: int) -> Any:
    """A step a line; where that is too wide the pass stands below the binding, and what changed below the value."""
    from rich.table import Table
    from rich.text import Text

    longest = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
    narrow = sum(longest) + 2 * len(longest) > width
    if narrow:
        head = ["binding\n(pass)", *(name.replace(" on ", "\non ").replace(".", "\n.") for name in head[2:])]
        rows = [[f"{r[0]}\n({r[1]})", *(cell.replace(" (", "\n(") for cell in r[2:])] for r in rows]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index < (1 if narrow else 2) else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _bounds(report: dict[str, Any]) -> Any:
    """What failed first. The limit stands in the bound, a relative one with what it came to."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="budget", title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("verdict", no_wrap=True)
    table.add_column("bound")
    for name in ("value", "interval", "margin"):
        table.add_column(name, justify="right", no_wrap=True)
    labels = dict(zip(map(id, report["bounds"]), bound_labels(report["bounds"]), strict=True))
    for bound in worst_first(report["bounds"]):
        table.add_row(
            Text(MARK[bound["verdict"]], style=_COLOR[bound["verdict"]]),
            Text(labels[id(bound)] + _came_to(bound)),
            value_text(bound, bound["value"]),
            short_interval(bound, digits=3),
            margin_text(bound),
        )
    return table


def _came_to(bound: dict[str, Any]) -> str:
    relative = " of " in bound["limit_raw"] and bound.get("limit") is not None
    return f" = {value_text(bound, bound['limit'])}" if relative else ""
