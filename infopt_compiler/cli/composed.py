"""The configuration of one build without running it: what `plan` and `lock` work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infopt_compiler.cli.build import hydra_refusals, outputs_of
from infopt_compiler.cli.recipe import read_recipe
from infopt_compiler.cli.resolve import resolve
from infopt_compiler.cli.settings import engine_settings
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import show_diagnostics
from infopt_compiler.config import compose, with_source_map
from infopt_compiler.config.spans import escape

if TYPE_CHECKING:
    from omegaconf import DictConfig


def composed(command: Command) -> DictConfig:
    """Checked and composed; DiagnosticError with all that is wrong."""
    recipe = read_recipe(command.words[0])
    resolved = resolve(recipe, command.words[1:])
    show_diagnostics(resolved.warnings, no_color=command.on("no_color"))
    facts: dict[str, Any] = {"path": escape(recipe.name), "overrides": [*resolved.fixed, *resolved.fields]}
    facts["outputs"] = escape(str(outputs_of(command).absolute()))
    with hydra_refusals():
        config = compose(resolved.program, resolved.hydra, engine=engine_settings(command), facts=facts)
    return with_source_map(config, resolved.program)
