"""A job without `hydra.main`: what `plan` and `lock` work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infopt_compiler.cli.build import hydra_refusals, outputs_of
from infopt_compiler.cli.recipe import read_recipe
from infopt_compiler.cli.resolve import resolve
from infopt_compiler.cli.settings import engine_settings
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import show_diagnostics
from infopt_compiler.config import compose

if TYPE_CHECKING:
    from infopt_compiler.build.job import BuildJob


def composed(command: Command) -> BuildJob:
    """Checked and composed; DiagnosticError with all that is wrong."""
    recipe = read_recipe(command.words[0])
    resolved = resolve(recipe, command.words[1:])
    show_diagnostics(resolved.warnings, no_color=command.on("no_color"))
    engine = engine_settings(command, resolved.program)
    with hydra_refusals():
        config = compose(resolved.program, resolved.hydra, engine=engine)
    from infopt_compiler.build.job import Invocation, open_job

    overrides = (*resolved.fixed, *resolved.fields)
    invocation = Invocation(Path(recipe.name), overrides, outputs_of(command).absolute())
    return open_job(resolved.program, config, invocation)
