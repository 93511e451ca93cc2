"""The files of a run's folder that are made from the report's data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infopt_compiler.diagnostics import Diagnostic
from infopt_compiler.report.html import html
from infopt_compiler.report.junit import junit
from infopt_compiler.report.markdown import markdown
from infopt_compiler.report.model import Report, write_json, write_text
from infopt_compiler.report.next import from_diagnostics


def write_report(report: dict[str, Any], folder: Path) -> None:
    """report.md, junit.xml, report.html and, last, report.json: where that one is, the run is over."""
    write_text(folder / "report.md", markdown(report, str(folder)))
    write_text(folder / "junit.xml", junit(report))
    try:
        write_text(folder / "report.html", html(report))
    finally:  # the data outlives a drawing that fails
        write_json(folder / "report.json", report)


def failed_report(
    recipe: str,
    words: Sequence[str],
    problems: Sequence[Diagnostic],
    exit_code: int = 1,
    target: str | None = None,
) -> dict[str, Any]:
    """The report of what was refused, or ended, before there was anything to tell but diagnostics. `words`: the command line
    behind the program's name, a recipe first."""
    found = [problem.to_dict() for problem in problems]
    return Report(
        recipe=recipe,
        verdict="failed",
        exit_code=exit_code,
        overrides=list(words[1:]),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        target={"name": target} if target else {},
        diagnostics=found,
        next=from_diagnostics(found, shlex.join(["infopt-compile", *words])).to_json(),
    ).to_json()
