"""Paths in a configuration and in a recipe: the same, but for bounds that cannot share a key (`lower.bound_keys`)."""

from __future__ import annotations

from collections.abc import Callable

from infopt_compiler.config.lower import bound_keys
from infopt_compiler.config.structured import field_types, pass_fields
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.sema.program import Program
from infopt_compiler.sema.slot import signature_of


def config_path(program: Program, path: str) -> str:
    """Where the configuration holds what an override of the recipe names: `budget.chat.throughput_1`, and a parameter under
    today's spelling of its name."""
    head, _, name = path.partition(".")
    if head in program.nodes:
        return (
            f"{head}.{signature_of(find_pass(program.nodes[head].pass_name)).current(name)}" if name else path
        )
    budget = program.budgets.get(path.split(".")[1]) if path.startswith("budget.") else None
    if budget is None:
        return path
    start = f"budget.{budget.name}."
    keys = (key for key, bound in bound_keys(budget) if start + bound.name == path)
    return start + next(keys, path.removeprefix(start))


def recipe_path(program: Program, path: str) -> str:
    """The inverse: what an override in the recipe's syntax calls this value."""
    for budget in program.budgets.values():
        start = f"budget.{budget.name}."
        for key, bound in bound_keys(budget):
            if path == start + key:
                return start + bound.name
    return path


def text_paths(program: Program) -> Callable[[str], bool]:
    """Tells which paths of a configuration hold quoted strings of the recipe (others: words, numbers, quantities)."""
    texts = {f"{name}.source" for name in (*program.models, *program.data)}
    texts |= {f"{name}.field" for name in program.data}
    for node in program.nodes.values():
        pass_class = find_pass(node.pass_name)
        texts |= {
            f"{node.name}.{key}"
            for key, spec in pass_fields(pass_class).items()
            if field_types(pass_class)[key] is str and not spec.metadata.get("dimension")
        }
    return texts.__contains__
