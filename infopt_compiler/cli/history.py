"""`history RECIPE [BOUND...]`: what the builds of a recipe measured, over time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from infopt_compiler.cli.build import outputs_of
from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say, table_console
from infopt_compiler.diagnostics import DiagnosticError, did_you_mean, error

if TYPE_CHECKING:
    from infopt_compiler.history import Build, History

_BUILDS = 20  # shown unless `--limit` says otherwise


def run(command: Command) -> int:
    from infopt_compiler.history import FILE_NAME, History, HistoryError
    from infopt_compiler.report.trend import history_json, show_history
    from infopt_compiler.targets import machine_digest

    history = History(outputs_of(command) / FILE_NAME)
    try:
        builds = _builds(history, command)
    except HistoryError as problem:
        message = f"the history {history.path} cannot be used: {problem}"
        raise DiagnosticError(error("E0914", message, help="is it the right file?")) from problem
    names = command.words[1:]
    _check_names(builds, names)
    if command.on("json"):
        say(json.dumps(history_json(builds, names, machine_digest()), indent=2, ensure_ascii=False))
        return 0
    show_history(builds, names, machine_digest(), table_console(command.on("no_color")))
    return 0


def _builds(history: History, command: Command) -> list[Build]:
    """The builds that are asked for; DiagnosticError E0566 where there are none."""
    from infopt_compiler.history import project_path

    word = command.words[0]
    key = project_path(Path(word), outputs_of(command))
    builds = history.builds(key, _limit(command))
    if not builds:
        hint = did_you_mean(key, history.recipes()) or "builds in another folder: `--outputs DIR`"
        raise DiagnosticError(
            error("E0566", f"no build of `{word}` is in {history.path}", at(word), help=hint)
        )
    return builds


def _limit(command: Command) -> int:
    text = command.text("limit")
    if text is None:
        return _BUILDS
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise DiagnosticError(error("E0502", "`--limit` wants a number of builds", at(text)))
    return int(text)


def _check_names(builds: list[Build], names: tuple[str, ...]) -> None:
    """DiagnosticError E0566 with every name that no build measured."""
    from infopt_compiler.report.trend import fits

    figures = [figure for build in builds for figure in build.figures]
    known = list(dict.fromkeys(figure.metric for figure in figures))
    wrong = [
        error("E0566", f"no build measured `{name}`", at(name), help=did_you_mean(name, known))
        for name in names
        if not any(fits(figure, name) for figure in figures)
    ]
    if wrong:
        raise DiagnosticError(*wrong)
