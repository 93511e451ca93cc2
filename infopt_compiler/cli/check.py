"""`check`: every mistake of a recipe, and nothing else. Imports no Hydra, OmegaConf, torch or rich."""

from __future__ import annotations

from infopt_compiler.cli.recipe import read_recipe
from infopt_compiler.cli.resolve import static_problems
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import exit_code, say, show_diagnostics
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, render_json


def run(command: Command) -> int:
    found = _find(command)
    if command.on("json"):
        say(render_json(found))
    else:
        show_diagnostics(found, no_color=command.on("no_color"))
        if exit_code(found) == 0:
            say(f"{command.words[0]}: no mistakes")
    return exit_code(found)


def _find(command: Command) -> list[Diagnostic]:
    try:
        recipe = read_recipe(command.words[0])
        return static_problems(recipe, command.words[1:])
    except DiagnosticError as problem:
        return list(problem.diagnostics)
