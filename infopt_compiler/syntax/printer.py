"""The canonical text of a recipe: what `fmt` writes. Comments and single blank lines are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence

from infopt_compiler.syntax import ast

WIDTH = 100  # longer calls and settings take a line per entry
INDENT = "    "


def format_recipe(recipe: ast.Recipe) -> str:
    """Canonical text; parsing it gives an equal tree."""
    lines: list[str] = []
    for statement in recipe.statements:
        lines += _with_trivia(_statement(statement), statement.trivia, "")
    lines += recipe.closing
    return "\n".join(line.rstrip() for line in lines) + "\n" if lines else ""


def format_value(value: ast.Value) -> str:
    """One value, argument or bound limit."""
    match value:
        case ast.Number():
            return str(value.quantity)
        case ast.Text():
            return json.dumps(value.value, ensure_ascii=False)
        case ast.Word():
            return value.text
        case ast.List():
            return "[" + ", ".join(format_value(item) for item in value.items) + "]"
        case ast.Bound():
            return format_bound(value)
    return value.span.text


def format_bound(bound: ast.Bound, width: int = 0) -> str:
    """One bound, its metric (and `warn`) padded to `width`."""
    parts = [_left(bound).ljust(width), bound.operator, format_value(bound.limit)]
    for word, name in (("of", bound.of), ("vs", bound.vs), ("on", bound.on)):
        if name is not None:
            parts += [word, name.text]
    if bound.at is not None:
        parts.append(_confidence(bound.at))
    return " ".join(parts)


def _left(bound: ast.Bound) -> str:
    return ("warn " if bound.warn else "") + bound.metric.text


def _confidence(at: ast.Scalar) -> str:
    return f"at {format_value(at)} confidence"


def _with_trivia(lines: list[str], trivia: ast.Trivia, indent: str) -> list[str]:
    before = [indent + line if line else "" for line in trivia.before]
    *first, last = lines
    return [*before, *first, f"{last}  {trivia.after}" if trivia.after else last]


def _statement(statement: ast.Statement) -> list[str]:
    match statement:
        case ast.GroupChoice():
            return [f"{statement.group} {statement.option.text}"]
        case ast.Model():
            return [f"model {statement.name.text} = {format_value(statement.source)}"]
        case ast.Let():
            return [f"let {statement.name.text} = {format_value(statement.value)}"]
        case ast.Data():
            return _data(statement)
        case ast.Scenario():
            return _settings(f"scenario {statement.name.text} ", statement.settings)
        case ast.Binding():
            return _call(statement)
        case ast.Budget():
            return _budget(statement)
    return statement.span.text.splitlines() or [""]  # a broken statement stays as it is


def _data(data: ast.Data) -> list[str]:
    source = data.source.text if isinstance(data.source, ast.Name) else format_value(data.source)
    cut = data.range
    span = f"[{format_value(cut.start)} .. {format_value(cut.stop)}]" if cut is not None else ""
    head = f"data {data.name.text} = {source}{span}"
    return [head] if data.settings is None else _settings(head + " ", data.settings)


def _settings(head: str, settings: ast.Arguments) -> list[str]:
    return _block(head, settings, "{", "}", " ")


def _call(binding: ast.Binding) -> list[str]:
    return _block(f"{binding.name.text} = {binding.call.text}", binding.arguments, "(", ")", "")


def _block(head: str, block: ast.Arguments, opening: str, closing: str, space: str) -> list[str]:
    """Entries on one line where they fit and have no comments, else one on each line."""
    entries = [_argument(entry) for entry in block.entries]
    plain = not block.opening and not block.closing and all(e.trivia == ast.Trivia() for e in block.entries)
    inner = f"{space}{', '.join(entries)}{space}" if entries else ""
    line = f"{head}{opening}{inner}{closing}"
    if plain and (len(line) <= WIDTH or not entries):
        return [line]
    lines = [f"{head}{opening}" + (f"  {block.opening}" if block.opening else "")]
    for text, entry in zip(entries, block.entries, strict=True):
        lines += _with_trivia([f"{INDENT}{text},"], entry.trivia, INDENT)
    return [*lines, *_indented(block.closing), closing]


def _indented(lines: Sequence[str]) -> list[str]:
    return [INDENT + line if line else "" for line in lines]


def _argument(argument: ast.Argument) -> str:
    value = format_value(argument.value)
    return value if argument.name is None else f"{argument.name.text} = {value}"


def _budget(budget: ast.Budget) -> list[str]:
    head = f"budget {budget.subject.text}"
    head += f" as {budget.alias.text}" if budget.alias is not None else ""
    head += f" under {budget.under.text}" if budget.under is not None else ""
    head += f" {_confidence(budget.at)}" if budget.at is not None else ""
    bounds = budget.bounds
    lines = [head + " {" + (f"  {bounds.opening}" if bounds.opening else "")]
    width = max((len(_left(bound)) for bound in bounds.entries), default=0)
    for bound in bounds.entries:
        lines += _with_trivia([INDENT + format_bound(bound, width)], bound.trivia, INDENT)
    return [*lines, *_indented(bounds.closing), "}"]
