"""Paths in a configuration and in a recipe: the same, but for bounds that cannot share a key (`lower.bound_keys`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from infopt_compiler.config.lower import bound_keys
from infopt_compiler.config.structured import field_types, pass_fields
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from omegaconf import DictConfig


def config_path(program: Program, path: str) -> str:
    """Where the configuration holds what an override of the recipe names: `budget.chat.throughput_1`."""
    budget = program.budgets.get(path.split(".")[1]) if path.startswith("budget.") else None
    if budget is None:
        return path
    start = f"budget.{budget.name}."
    keys = (key for key, bound in bound_keys(budget) if start + bound.name == path)
    return start + next(keys, path.removeprefix(start))


def recipe_path(config: DictConfig, path: str) -> str:
    """The inverse: what an override in the recipe's syntax calls this value."""
    for name, bounds in config.engine.recipe.bounds.items():
        for bound in bounds:
            if path == f"budget.{name}.{bound.key}":
                aggregate = f".{bound.aggregate}" if bound.aggregate else ""
                return f"budget.{name}.{bound.metric}{aggregate}"
    return path


def text_paths(config: DictConfig) -> Callable[[str], bool]:
    """Tells which paths of a configuration hold quoted strings of the recipe (others: words, numbers, quantities)."""
    recipe = config.engine.recipe
    texts = {f"{name}.source" for name in (*recipe.models, *recipe.data)} | {
        f"{n}.field" for n in recipe.data
    }
    for name in recipe.nodes:
        pass_class = find_pass(config[name]["pass"])
        texts |= {
            f"{name}.{key}"
            for key, spec in pass_fields(pass_class).items()
            if field_types(pass_class)[key] is str and not spec.metadata.get("dimension")
        }
    return texts.__contains__
