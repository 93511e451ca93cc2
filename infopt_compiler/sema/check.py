"""Checks a recipe: from its text to a `Program`, or to all that is wrong with it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from infopt_compiler.artifacts import Artifact
from infopt_compiler.diagnostics import Diagnostic, Input, Severity, Span, error
from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.instance import make_pass
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.budgets import check_budget, check_gain
from infopt_compiler.sema.calls import check_call
from infopt_compiler.sema.declarations import check_data, check_group, check_model, check_scenario
from infopt_compiler.sema.fitting import check_fitting
from infopt_compiler.sema.groups import find_static_target, target_memory_bytes
from infopt_compiler.sema.overriding import apply_override
from infopt_compiler.sema.program import Budget, DataDecl, ModelDecl, Node, Program
from infopt_compiler.sema.scope import Kind, Scope
from infopt_compiler.sema.sources import check_sources
from infopt_compiler.sema.specs import Chain, check_memory, check_node, specs_of
from infopt_compiler.sema.tasks import check_tasks
from infopt_compiler.sema.usage import warn_overlap, warn_unused
from infopt_compiler.syntax import ast, parse_recipe
from infopt_compiler.syntax.overrides import Override, parse_override

D = TypeVar("D", ModelDecl, DataDecl, Scenario, Node, Budget)
Checked = tuple[Program | None, list[Diagnostic]]


def check_recipe(input: Input, overrides: Sequence[str] = ()) -> Checked:
    """The checked recipe, with `overrides` of the command line in it, and all diagnostics sorted by place.

    The program is None if any diagnostic is an error. Nothing heavy is imported, nothing is fetched. Of a sweep
    (`q.bits=4,8`) every value is checked, and the program has the first.
    """
    tree, found = parse_recipe(input)
    parsed = [parse_override(text, number) for number, text in enumerate(overrides, start=1)]
    found += [d for _, wrong in parsed for d in wrong]
    kept = [override for override, _ in parsed if override is not None]
    programs: list[Program] = []
    for choices in _choices(kept):
        changed = tree
        for override, choice in zip(kept, choices, strict=True):
            changed, wrong = apply_override(changed, override, choice)
            found += wrong
        program, more = check_tree(changed, input, clean=not found)
        programs.append(program)
        found += more
    ordered = sorted(dict.fromkeys(found), key=_place)
    failed = any(d.severity is Severity.error for d in ordered)
    return None if failed else programs[0], ordered


def _choices(overrides: list[Override]) -> Iterator[tuple[int, ...]]:
    """Which value of each override to check: all the first ones, then every other value once."""
    first = [0] * len(overrides)
    yield tuple(first)
    for k, override in enumerate(overrides):
        for choice in range(1, len(override.values)):
            yield (*first[:k], choice, *first[k + 1 :])


def _place(d: Diagnostic) -> tuple[int, int, str, str]:
    """The file's diagnostics in their order, then those of overrides, then those without a place."""
    if d.span is None:
        return sys.maxsize, 0, d.code, d.message
    override = re.fullmatch(r"<override (\d+)>", d.span.input.name)
    return int(override[1]) if override else 0, d.span.start, d.code, d.message


@dataclass
class _Parts:
    """The checked pieces of a recipe."""

    groups: dict[str, ast.Name] = field(default_factory=dict)
    models: dict[str, ModelDecl] = field(default_factory=dict)
    data: dict[str, DataDecl] = field(default_factory=dict)
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    budget_names: dict[str, ast.Budget] = field(default_factory=dict)


def check_tree(tree: ast.Recipe, input: Input, *, clean: bool = True) -> tuple[Program, list[Diagnostic]]:
    """Check a parsed recipe; the program holds only what was right.

    `clean`: nothing was reported before. Warnings about the whole would mislead where a part of it is wrong.
    """
    scope = Scope()
    scope.declare_all(tree.statements)
    parts = _Parts()
    for order, statement in enumerate(tree.statements):
        scope.order = order
        _check_statement(scope, parts, statement)
    scope.order = len(tree.statements)
    program = _program(parts, input)
    _check_whole(scope, tree, program, clean)
    if clean and not tree.statements:
        hint = 'a recipe begins with `model NAME = "SOURCE"`'
        scope.report(
            error("E0214", "the recipe is empty: there is nothing to build", Span(input, 0, 0), help=hint)
        )
    return program, scope.found


def _check_statement(scope: Scope, parts: _Parts, statement: ast.Statement) -> None:
    match statement:
        case ast.GroupChoice():
            check_group(scope, statement, parts.groups)
        case ast.Model():
            _keep(parts.models, check_model(scope, statement))
        case ast.Data():
            _keep(parts.data, check_data(scope, statement, parts.data))
        case ast.Scenario():
            _keep(parts.scenarios, check_scenario(scope, statement))
        case ast.Let():
            _check_let(scope, statement)
        case ast.Binding():
            _check_binding(scope, parts, statement)
        case ast.Budget():
            _keep(parts.budgets, check_budget(scope, statement, parts.budget_names, parts.scenarios))


def _keep(table: dict[str, D], checked: D | None) -> None:
    """The first of a name stays; a second one was reported."""
    if checked is not None:
        table.setdefault(checked.name, checked)


def _check_let(scope: Scope, let: ast.Let) -> None:
    """A word in a `let` is another `let`, or an enum member of where it will be used."""
    mine = scope.symbols.get(let.name.text)
    if not isinstance(let.value, ast.Word) or mine is None or mine.name is not let.name:
        return
    other = scope.symbols.get(let.value.text)
    if other is not None and other.kind is Kind.let:
        resolved = scope.find(let.value, Kind.let)
        mine.value = resolved.value if resolved is not None else ast.Invalid(span=let.value.span)


def _check_binding(scope: Scope, parts: _Parts, binding: ast.Binding) -> None:
    node, cls = check_call(scope, binding)
    symbol = scope.symbols.get(binding.name.text)
    if cls is not None and symbol is not None and symbol.name is binding.name:
        symbol.artifact = cls.output if node is None else _output(cls, node, _kinds(scope, node))
    _keep(parts.nodes, node)


def _output(cls: type[Pass], node: Node, kinds: dict[str, type[Artifact]]) -> type[Artifact]:
    """What comes out of a call; parameters that the pass itself refuses are told where it is checked."""
    try:
        return make_pass(cls, node.parameters).output_for(kinds)
    except (TypeError, ValueError):
        return cls.output


def _kinds(scope: Scope, node: Node) -> dict[str, type[Artifact]]:
    """What kind of artifact each argument of a call is, by the first one given."""
    found = {argument: scope.symbols[names[0]].artifact for argument, names in node.inputs.items() if names}
    return {argument: kind for argument, kind in found.items() if kind is not None}


def _program(parts: _Parts, input: Input) -> Program:
    groups = {group: name.text for group, name in parts.groups.items()}
    return Program(
        Path(input.name).stem,
        parts.models,
        parts.data,
        parts.scenarios,
        parts.nodes,
        parts.budgets,
        input=input,
        **groups,
    )


def _check_whole(scope: Scope, tree: ast.Recipe, program: Program, clean: bool) -> None:
    chains: dict[str, tuple[Chain, ...]] = specs_of(program.models, _folder(program))
    for node in program.nodes.values():
        check_node(scope, node, chains, find_static_target(program.target), program.scenarios)
    check_memory(scope, program, chains, target_memory_bytes(program.target), program.target)
    check_gain(scope, program)
    check_tasks(scope, program, _folder(program))
    check_sources(scope, tree, program, _folder(program))
    check_fitting(scope, tree, chains, program.scenarios)
    if clean and not any(d.severity is Severity.error for d in scope.found):
        warn_overlap(scope, program)
        warn_unused(scope, program.shipped)


def _folder(program: Program) -> Path:
    return Path(program.input.name).parent if program.input is not None else Path()
