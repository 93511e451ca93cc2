"""A job's configuration, made again from its own checked program: what is built is what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infopt_compiler.config.compose import primary_config
from infopt_compiler.config.groups import GROUPS
from infopt_compiler.config.spans import escape, with_source_map
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from omegaconf import DictConfig


def rebuild(config: DictConfig, program: Program, overrides: Sequence[str], *, run_dir: str) -> DictConfig:
    """`config` with everything of the recipe taken from `program`, all `overrides` of the job, its source map and its folder."""
    from omegaconf import OmegaConf, open_dict

    fresh = primary_config(program)
    with open_dict(fresh):
        facts = OmegaConf.merge(config.engine.recipe, fresh.engine.recipe)
        for key in ("defaults", "hydra"):
            del fresh[key]
        for group in GROUPS:
            fresh[group] = config[group]
        fresh.engine.recipe = facts
        fresh.engine.recipe.overrides = list(overrides)
        fresh.engine.run_dir = escape(run_dir)
    OmegaConf.set_struct(fresh, True)
    return with_source_map(fresh, program)
