"""`fmt FILE...`: canonical text in place, comments kept; a file with syntax errors is left alone."""

from __future__ import annotations

import os
from pathlib import Path

from infopt_compiler.cli.recipe import read_recipe
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import exit_code, say, show_diagnostics, tell
from infopt_compiler.diagnostics import DiagnosticError, error


def run(command: Command) -> int:
    check, codes = command.on("check"), []
    for name in command.words:
        try:
            codes.append(_format(name, check))
        except DiagnosticError as problem:
            show_diagnostics(problem.diagnostics, no_color=command.on("no_color"))
            codes.append(exit_code(problem.diagnostics))
    return max(codes)


def _format(name: str, check: bool) -> int:
    """0 if the file is canonical (now), 1 if `--check` found that it is not."""
    from infopt_compiler.syntax import format_recipe, parse_recipe

    recipe = read_recipe(name)
    tree, found = parse_recipe(recipe)
    if exit_code(found):
        raise DiagnosticError(*found)
    text = format_recipe(tree)
    if check:
        return _report_change(name, text != recipe.text)
    if name == "-":
        say(text.removesuffix("\n"))
    elif text != recipe.text:
        try:
            _replace(Path(name), text)
        except OSError as wrong:
            raise DiagnosticError(error("E0551", f"`{name}` cannot be written: {wrong.strerror}")) from wrong
        tell(f"formatted {name}")
    return 0


def _report_change(name: str, changes: bool) -> int:
    if changes:
        tell(f"would format {name}")
    return int(changes)


def _replace(path: Path, text: str) -> None:
    """Write by rename, with the file's own mode, through links: a reader never sees half of a recipe."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(text.encode("utf-8"))
    temporary.chmod(path.stat().st_mode)
    temporary.replace(path)
