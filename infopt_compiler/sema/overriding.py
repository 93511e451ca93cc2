"""Puts overrides into the tree of a recipe, where the one checker judges them like the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from infopt_compiler.diagnostics import Diagnostic, Input, did_you_mean, error
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.sema.slot import signature_of
from infopt_compiler.syntax import ast
from infopt_compiler.syntax.overrides import Operation, Override, Piece
from infopt_compiler.syntax.parser import parse_fragment
from infopt_compiler.syntax.words import find_metric
from infopt_compiler.units import parse_quantity

GROUPS = ("target", "measure", "engine")
_PLAIN = re.compile(r"[\w./:@#+=-]+")  # unquoted text that is no expression but may be a string
_Applied = tuple[ast.Recipe, list[Diagnostic]]


class _Refused(Exception):
    """Carries the diagnostic of an override that does not apply."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def apply_override(tree: ast.Recipe, override: Override, choice: int = 0) -> _Applied:
    """The recipe with the override's value number `choice` in place; the recipe as it was where it is refused."""
    try:
        return _apply(tree, override, choice), []
    except _Refused as refused:
        return tree, [refused.diagnostic]


def _apply(tree: ast.Recipe, override: Override, choice: int) -> ast.Recipe:
    piece = override.values[choice] if override.values else None
    head = override.path[0]
    if head in GROUPS:
        return _group(tree, override, piece)
    if head == "budget" and len(override.path) > 2:
        return _replace(tree, _find_budget(tree, override), lambda s: _budget(s, override, piece))
    if head == "scenario" and len(override.path) > 2:
        scenario = _find(tree, override, 1, ast.Scenario)
        return _replace(tree, scenario, lambda s: _settings(s, override, piece, 2))
    statement = _find(tree, override, 0, ast.Model, ast.Data, ast.Binding, ast.Let)
    if isinstance(statement, ast.Let) and len(override.path) == 1 and piece is not None:
        return _replace(tree, statement, lambda _: replace(statement, value=_value(piece)))
    if len(override.path) == 1:
        raise _Refused(_whole(override))
    if isinstance(statement, ast.Binding):
        return _replace(tree, statement, lambda s: _binding(s, override, piece))
    return _replace(tree, statement, lambda s: _declaration(s, override, piece))


def _replace(
    tree: ast.Recipe, old: ast.Statement, change: Callable[[ast.Statement], ast.Statement]
) -> ast.Recipe:
    return replace(tree, statements=tuple(change(s) if s is old else s for s in tree.statements))


# Finding what a path names.


def _whole(override: Override) -> Diagnostic:
    name = override.path_span.text
    verb = "removed" if override.operation is Operation.delete else "replaced"
    hint = f"override one of its parameters: `{name}.NAME=VALUE`"
    return error("E0562", f"`{name}` as a whole cannot be {verb}", override.path_span, help=hint)


def _unknown(override: Override, word: str, known: list[str], what: str) -> _Refused:
    message = f"the recipe has no {what} `{word}`"
    return _Refused(error("E0563", message, override.path_span, help=did_you_mean(word, known)))


def _find(tree: ast.Recipe, override: Override, at: int, *kinds: type[ast.Syntax]) -> ast.Statement:
    word = override.path[at]
    named = [s for s in tree.statements if not isinstance(s, ast.GroupChoice | ast.Budget) and s.name]
    for statement in named:
        if statement.name is not None and statement.name.text == word and isinstance(statement, kinds):
            return statement
    known = [s.name.text for s in named if s.name is not None and isinstance(s, kinds)]
    if at == 0:
        if word in ("budget", "scenario") and len(override.path) <= 2:
            raise _Refused(_whole(override))
        if any(isinstance(s, ast.Scenario) and s.name.text == word for s in tree.statements):
            hint = f"write `scenario.{override.path_span.text}=VALUE`"
            message = f"`{word}` is a scenario"
            raise _Refused(error("E0563", message, override.path_span, help=hint))
        _refuse_bare(tree, override)
        known += [*GROUPS, "budget", "scenario"]
    raise _unknown(override, word, known, "binding" if at == 0 else "scenario")


def _refuse_bare(tree: ast.Recipe, override: Override) -> None:
    """`bits=8` names a parameter without its binding: which is clear where one binding has it."""
    bindings = [s for s in tree.statements if isinstance(s, ast.Binding)]
    having = [
        binding.name.text
        for binding in bindings
        if any(
            entry.name is not None and entry.name.text == override.path[0]
            for entry in binding.arguments.entries
        )
    ]
    if len(having) == 1 and len(override.path) == 1:
        message = f"`{override.path[0]}` is a parameter of `{having[0]}`, no binding"
        hint = f"write `{having[0]}.{override.input.text.lstrip('+~')}`"
        raise _Refused(error("E0563", message, override.path_span, help=hint))


def _find_budget(tree: ast.Recipe, override: Override) -> ast.Budget:
    budgets = [s for s in tree.statements if isinstance(s, ast.Budget)]
    for budget in budgets:
        if budget.name.text == override.path[1]:
            return budget
    raise _unknown(override, override.path[1], [b.name.text for b in budgets], "budget")


# Changing it.


def _group(tree: ast.Recipe, override: Override, piece: Piece | None) -> ast.Recipe:
    name = override.path[0]
    if len(override.path) > 1 or piece is None:
        message = f"`{name}` is chosen as a whole: `{name}=NAME`"
        raise _Refused(error("E0562", message, override.path_span))
    choice = ast.GroupChoice(name, ast.Name(piece.text, span=piece.span), span=piece.span)
    for statement in tree.statements:
        if isinstance(statement, ast.GroupChoice) and statement.group == name:
            return _replace(tree, statement, lambda _: choice)
    return replace(tree, statements=(choice, *tree.statements))


def _budget(budget: ast.Statement, override: Override, piece: Piece | None) -> ast.Budget:
    assert isinstance(budget, ast.Budget)
    metric = ".".join(override.path[2:])
    lines = [line for line in budget.bounds.entries if line.metric.text == metric]
    if len(lines) > 1 and piece is not None:
        lines = _meant(lines, piece)
    if len(lines) != 1:
        raise _Refused(_no_bound(budget, override, metric, len(lines)))
    line = lines[0]
    kept = [entry for entry in budget.bounds.entries if entry is not line]
    if piece is not None:
        kept = [_limited(line, piece) if entry is line else entry for entry in budget.bounds.entries]
    return replace(budget, bounds=replace(budget.bounds, entries=tuple(kept)))


def _meant(lines: list[ast.Bound], piece: Piece) -> list[ast.Bound]:
    """Of several bounds on one metric those that the new limit fits: `of` the same thing, or a bare one of its kind."""
    parsed = _parse(piece, "override_limit")
    if parsed is None:
        return lines
    limit, of = parsed
    if of is not None:
        fits = [line for line in lines if line.of is not None and line.of.text == of.text]
    else:
        fits = [line for line in lines if _is_share(line.limit) == _is_share(limit)]
    return fits or lines


def _is_share(limit: ast.Scalar) -> bool:
    return isinstance(limit, ast.Number) and limit.quantity.unit.name == "%"


def _no_bound(budget: ast.Budget, override: Override, metric: str, count: int) -> Diagnostic:
    if count:
        message = f"the budget `{budget.name.text}` has {count} bounds on `{metric}`: which one is not clear"
        return error("E0564", message, override.path_span, help="change them in the recipe")
    message = f"the budget `{budget.name.text}` has no bound on `{metric}`"
    known = [line.metric.text for line in budget.bounds.entries]
    meant, near = find_metric(metric), did_you_mean(metric, known)
    is_near = near is not None and near.startswith("did")
    hint = f"its name here is `{meant}`" if meant in known and not is_near else near
    return error("E0564", message, override.path_span, help=hint)


def _limited(line: ast.Bound, piece: Piece) -> ast.Bound:
    """The bound with another limit; a bare percentage stays `of` what it was of."""
    parsed = _parse(piece, "override_limit")
    if parsed is None:
        return replace(line, limit=ast.Invalid(span=piece.span), span=piece.span)
    limit, of = parsed
    kept = of or (line.of if _is_share(limit) else None)
    return replace(line, limit=limit, of=kept, span=piece.span)


def _parse(piece: Piece, start: str) -> tuple[ast.Scalar, ast.Name | None] | None:
    parsed, found = parse_fragment(_up_to(piece), piece.span.start, start)
    if found:
        raise _Refused(_moved(found[0], piece.span.input))
    return parsed if isinstance(parsed, tuple) else None


def _up_to(piece: Piece) -> Input:
    return Input(piece.span.input.name, piece.span.input.text[: piece.span.end])


def _moved(found: Diagnostic, input: Input) -> Diagnostic:
    """The diagnostic with its span in the whole argument, not in what stands before the value's end."""
    return replace(found, span=replace(found.span, input=input)) if found.span is not None else found


def _value(piece: Piece) -> ast.Value:
    """The value of an argument: an expression of the recipe, or text where it is none or is quoted."""
    if not piece.text.strip():
        return ast.Text(piece.text, span=piece.span)
    if piece.text != piece.span.text:  # a step of `range(...)`, which stands nowhere
        return ast.Number(parse_quantity(piece.text), span=piece.span)
    parsed, found = parse_fragment(_up_to(piece), piece.span.start, "override_value")
    is_word = isinstance(parsed, ast.Word)
    if piece.quoted and (found or is_word):
        return ast.Text(piece.text, span=piece.span)
    if not found and is_word:
        return ast.Loose(parsed.text, span=piece.span)
    if not found and isinstance(parsed, ast.Number | ast.Text | ast.List | ast.Bound):
        return parsed
    if _PLAIN.fullmatch(piece.text) and not piece.text[0].isdigit():
        return ast.Text(piece.text, span=piece.span)
    raise _Refused(_moved(found[0], piece.span.input))


def _settings(scenario: ast.Statement, override: Override, piece: Piece | None, at: int) -> ast.Statement:
    assert isinstance(scenario, ast.Scenario | ast.Data)
    entries = scenario.settings.entries if scenario.settings is not None else ()
    changed = _with_argument(entries, override, piece, ".".join(override.path[at:]))
    settings = scenario.settings or ast.Arguments((), span=override.path_span)
    return replace(scenario, settings=replace(settings, entries=changed))


def _with_argument(
    entries: tuple[ast.Argument, ...],
    override: Override,
    piece: Piece | None,
    name: str,
    current: Callable[[str], str] = str,
) -> tuple[ast.Argument, ...]:
    """The arguments with one set, or one left out where `piece` is None; `current` gives today's spelling of a name."""
    named = ((entry, entry.name.text) for entry in entries if entry.name is not None)
    old = next((entry for entry, text in named if current(text) == current(name)), None)
    if piece is None:
        if old is None:
            raise _Refused(_not_set(override, name))
        return tuple(entry for entry in entries if entry is not old)
    new = ast.Argument(ast.Name(name, span=override.path_span), _value(piece), span=piece.span)
    if old is None:
        return (*entries, new)
    return tuple(new if entry is old else entry for entry in entries)


def _not_set(override: Override, name: str) -> Diagnostic:
    message = f"there is no `{name}` to remove: the recipe does not set it"
    return error("E0565", message, override.path_span)


def _declaration(statement: ast.Statement, override: Override, piece: Piece | None) -> ast.Statement:
    """`smollm2.source=file:/x`, `calib.sample=16`."""
    if override.path[1:] == ("source",) and isinstance(statement, ast.Model | ast.Data):
        if piece is None:
            raise _Refused(error("E0565", "a source cannot be removed", override.path_span))
        return replace(statement, source=ast.Text(piece.text, span=piece.span))
    if isinstance(statement, ast.Data):
        return _settings(statement, override, piece, 1)
    word = ".".join(override.path[1:])
    known = ["source"] if isinstance(statement, ast.Model) else []
    raise _unknown(override, word, known, "setting")


def _binding(binding: ast.Statement, override: Override, piece: Piece | None) -> ast.Binding:
    """`q.bits=8`, and `q.model=other` where `model` was given by its position."""
    assert isinstance(binding, ast.Binding)
    name = ".".join(override.path[1:])
    entries = binding.arguments.entries
    positions = _positions(binding, name)
    if positions:
        others = tuple(entry for k, entry in enumerate(entries) if k not in positions)
        if piece is None:
            changed = others
        else:
            new = ast.Argument(None, _value(piece), span=piece.span)
            changed = (*entries[: positions[0]], new, *(e for e in entries[positions[0] :] if e in others))
    else:
        changed = _with_argument(entries, override, piece, name, _current_names(binding))
    return replace(binding, arguments=replace(binding.arguments, entries=changed))


def _current_names(binding: ast.Binding) -> Callable[[str], str]:
    try:
        return signature_of(find_pass(binding.call.text)).current
    except KeyError:
        return str


def _positions(binding: ast.Binding, name: str) -> list[int]:
    """Which positional arguments give the input `name`."""
    try:
        inputs = list(signature_of(find_pass(binding.call.text)).inputs.values())
    except (KeyError, BadPlugin):
        return []
    positional = [k for k, entry in enumerate(binding.arguments.entries) if entry.name is None]
    for at, slot in enumerate(inputs):
        if slot.name == name:
            return positional[at:] if slot.variadic else positional[at : at + 1]
    return []
