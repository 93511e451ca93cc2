"""The options of the command line as fields of the group `engine`: what a job in another process needs travels there."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import wants_color
from infopt_compiler.config.values import escape
from infopt_compiler.diagnostics import DiagnosticError, did_you_mean, error
from infopt_compiler.sema.program import Program


def engine_settings(command: Command, program: Program) -> dict[str, Any]:
    """DiagnosticError where `--rebuild` names what the recipe does not bind."""
    settings: dict[str, Any] = {
        key: True for key in ("predict_only", "locked", "force", "remeasure", "traceback") if command.on(key)
    }
    if command.texts("rebuild"):
        settings["rebuild"] = _bindings(command.texts("rebuild"), program)
    if command.texts("rebuild") or command.on("remeasure"):
        settings["since"] = time.time()
    cache = command.text("cache")
    if cache is not None:
        settings["cache"] = escape(str(Path(cache).expanduser().absolute()))
    if command.on("quiet") or command.on("verbose"):
        settings["verbosity"] = int(command.on("verbose")) - int(command.on("quiet"))
    if not wants_color(sys.stdout, command.on("no_color")):
        settings["color"] = False
    return settings


def _bindings(names: tuple[str, ...], program: Program) -> list[str]:
    known = [*program.models, *program.data, *program.nodes]
    wrong = [
        error("E0502", f"`{name}` is no binding that is made", at(name), help=did_you_mean(name, known))
        for name in names
        if name not in known
    ]
    if wrong:
        raise DiagnosticError(*wrong)
    return list(names)
