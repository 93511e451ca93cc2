"""`diff A B`: what differs between two builds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infopt_compiler.cli.jobs import no_report_hint, sweep_jobs
from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say, table_console
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, error

_NEEDED = ("recipe", "bounds", "passes", "artifacts", "machine", "target", "environment")


def run(command: Command) -> int:
    if command.on("json") and command.on("markdown"):
        message = "`--json` and `--markdown` exclude each other"
        raise DiagnosticError(error("E0503", message, help="drop one"))
    found = [_read(word) for word in command.words]
    wrong = [problem for problem in found if isinstance(problem, Diagnostic)]
    if wrong:
        raise DiagnosticError(*wrong)
    diff = _compare(command, [report for report in found if isinstance(report, dict)])
    if command.on("json"):
        say(json.dumps(diff, indent=2, ensure_ascii=False))
    elif command.on("markdown"):
        from infopt_compiler.report.diff import markdown

        say(markdown(diff).removesuffix("\n"))
    else:
        _show(command, diff)
    return 0


def _compare(command: Command, reports: list[dict[str, Any]]) -> dict[str, Any]:
    from infopt_compiler.report.diff import compare

    try:
        diff = compare(*reports)
    except (KeyError, TypeError, AttributeError, ValueError) as missing:
        message = f"one of the reports is not whole: {type(missing).__name__}: {missing}"
        raise DiagnosticError(error("E0557", message, help="build again")) from missing
    for side, word in zip(("a", "b"), command.words, strict=True):
        diff[side]["folder"] = word
    return diff


def _show(command: Command, diff: dict[str, Any]) -> None:
    from infopt_compiler.report.diff import show

    show(diff, table_console(command.on("no_color")))


def _read(word: str) -> dict[str, Any] | Diagnostic:
    """The report of a run's folder, or of the file itself; E0557 where there is none."""
    path = Path(word)
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return error("E0557", f"no report in `{word}`", at(word), help=_hint(path))
    except (OSError, ValueError) as problem:
        return error("E0557", f"`{file}` cannot be read: {problem}", at(word))
    if not isinstance(report, dict) or any(key not in report for key in _NEEDED):
        return error("E0557", f"`{file}` is no report of a build", at(word))
    return report


def _hint(path: Path) -> str:
    if path.is_dir() and any(sweep_jobs(path, None)):
        return f"it is a sweep: name one job, such as `{path / '0'}`"
    return no_report_hint(path)
