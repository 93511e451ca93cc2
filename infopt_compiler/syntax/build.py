"""From Lark's tree to the AST: one method per rule of the grammar, named like it."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

from lark import Token, Transformer, v_args
from lark.tree import Meta

from infopt_compiler.diagnostics import Diagnostic, Input, Note, Span, error
from infopt_compiler.syntax import ast
from infopt_compiler.units import UnitError, parse_quantity

T = TypeVar("T")
_LARGEST = 2.0**53  # beyond it a float no longer holds every whole number


@v_args(meta=True)
class Builder(Transformer[Token, Any]):  # type: ignore[misc]  # lark is not followed
    """Builds nodes whose spans lie in `input`, `base` characters behind the parsed text; collects what values got wrong."""

    def __init__(self, input: Input, base: int = 0) -> None:
        super().__init__(visit_tokens=False)
        self.input = input
        self.base = base
        self.found: list[Diagnostic] = []

    def _span(self, place: Meta | Token) -> Span:
        if isinstance(place, Token):
            return Span(self.input, self.base + (place.start_pos or 0), self.base + (place.end_pos or 0))
        if place.empty:  # a rule that matched nothing has no position
            return Span(self.input, self.base, self.base)
        return Span(self.input, self.base + place.start_pos, self.base + place.end_pos)

    def _name(self, token: Token) -> ast.Name:
        return ast.Name(str(token), span=self._span(token))

    # Values.

    def number(self, meta: Meta, children: list[Token]) -> ast.Number | ast.Invalid:
        span = self._span(meta)
        try:
            quantity = parse_quantity(str(children[0]))
        except UnitError as wrong:
            self.found.append(error("E0301", str(wrong), span, help=wrong.help))
            return ast.Invalid(span=span)
        if not math.isfinite(quantity.base) or abs(quantity.value) > _LARGEST:
            self.found.append(error("E0308", f"`{span.text}` is too large a number to be exact", span))
            return ast.Invalid(span=span)
        return ast.Number(quantity, span=span)

    def text(self, meta: Meta, children: list[Token]) -> ast.Text | ast.Invalid:
        span = self._span(meta)
        try:
            value = json.loads(str(children[0]), strict=False)
        except ValueError:
            message = 'a backslash in a string stands before one of \\ " / b f n r t u'
            self.found.append(error("E0104", message, span, help="write a backslash as `\\\\`"))
            return ast.Invalid(span=span)
        if "${" in value:
            self.found.append(no_interpolation("E0122", span))
            return ast.Invalid(span=span)
        if any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            self.found.append(error("E0104", "half of a surrogate pair is no character", span))
            return ast.Invalid(span=span)
        return ast.Text(value, span=span)

    def word(self, meta: Meta, children: list[Token]) -> ast.Word:
        return ast.Word(str(children[0]), span=self._span(meta))

    def name(self, meta: Meta, children: list[Token]) -> ast.Name:
        return self._name(children[0])

    def list_(self, meta: Meta, children: list[Any]) -> ast.List:
        return ast.List(tuple(children), span=self._span(meta))

    def range(self, meta: Meta, children: list[Any]) -> ast.Range:
        return ast.Range(children[0], children[1], span=self._span(meta))

    # Bounds.

    def metric(self, meta: Meta, children: list[Token]) -> ast.Name:
        return ast.Name(".".join(str(token) for token in children), span=self._span(meta))

    def limit(self, meta: Meta, children: list[Any]) -> Any:
        return children[0]

    def of(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Span]:
        return "of", children[0], self._span(meta)

    def on(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Span]:
        return "on", children[0], self._span(meta)

    def vs(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Span]:
        return "vs", children[0], self._span(meta)

    def confidence(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Span]:
        return "at", children[0], self._span(meta)

    def alias(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Span]:
        return "alias", children[0], self._span(meta)

    def under(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Span]:
        return "under", children[0], self._span(meta)

    def _clauses(self, clauses: list[tuple[str, Any, Span]]) -> dict[str, Any]:
        given: dict[str, tuple[Any, Span]] = {}
        for key, value, span in clauses:
            if key in given:
                note = Note("it is given first here", given[key][1])
                word = "as" if key == "alias" else key
                self.found.append(error("E0119", f"`{word}` is given twice", span, notes=(note,)))
            else:
                given[key] = (value, span)
        return {key: value for key, (value, _) in given.items()}

    def bound(self, meta: Meta, children: list[Any]) -> ast.Bound:
        metric, operator, limit, *clauses = children
        return ast.Bound(metric, str(operator), limit, span=self._span(meta), **self._clauses(clauses))

    def warned(self, meta: Meta, children: list[Any]) -> ast.Bound:
        _, b = children
        return ast.Bound(
            b.metric, b.operator, b.limit, b.of, b.on, b.vs, b.at, warn=True, span=self._span(meta)
        )

    def bounds(self, meta: Meta, children: list[ast.Bound]) -> ast.Bounds:
        return ast.Bounds(tuple(children), span=self._span(meta))

    # Settings and arguments.

    def setting(self, meta: Meta, children: list[Any]) -> ast.Argument:
        return ast.Argument(children[0], children[1], span=self._span(meta))

    named = setting

    def positional(self, meta: Meta, children: list[Any]) -> ast.Argument:
        return ast.Argument(None, children[0], span=self._span(meta))

    def settings(self, meta: Meta, children: list[ast.Argument]) -> ast.Arguments:
        return ast.Arguments(tuple(children), span=self._span(meta))

    arguments = settings

    # Statements.

    def group_choice(self, meta: Meta, children: list[Token]) -> ast.GroupChoice:
        return ast.GroupChoice(str(children[0]), self._name(children[1]), span=self._span(meta))

    def model(self, meta: Meta, children: list[Any]) -> ast.Model:
        return ast.Model(self._name(children[1]), children[2], span=self._span(meta))

    def data(self, meta: Meta, children: list[Any]) -> ast.Data:
        _, name, source, *rest = children
        return ast.Data(
            self._name(name), source, _one(rest, ast.Range), _one(rest, ast.Arguments), span=self._span(meta)
        )

    def scenario(self, meta: Meta, children: list[Any]) -> ast.Scenario:
        return ast.Scenario(self._name(children[1]), children[2], span=self._span(meta))

    def let(self, meta: Meta, children: list[Any]) -> ast.Let:
        return ast.Let(self._name(children[1]), children[2], span=self._span(meta))

    def binding(self, meta: Meta, children: list[Any]) -> ast.Binding:
        return ast.Binding(self._name(children[0]), children[1], children[2], span=self._span(meta))

    def budget(self, meta: Meta, children: list[Any]) -> ast.Budget:
        _, subject, *options, bounds = children
        return ast.Budget(subject, bounds, span=self._span(meta), **self._clauses(options))

    def start(self, meta: Meta, children: list[Any]) -> tuple[ast.Statement, ...]:
        return tuple(children)

    # Overrides.

    def override_value(self, meta: Meta, children: list[Any]) -> Any:
        return children[0]

    def override_limit(self, meta: Meta, children: list[Any]) -> tuple[Any, ast.Name | None]:
        limit, *clauses = children
        return limit, clauses[0][1] if clauses else None


def no_interpolation(code: str, span: Span) -> Diagnostic:
    """`${` would be resolved by what reads the configuration; a recipe from a stranger stays safe without it."""
    return error(
        code,
        "`${` is not allowed: a recipe and its overrides hold plain values, nothing is interpolated",
        span,
        help="write the value itself, or give the setting on the command line",
    )


def _one(nodes: list[Any], kind: type[T]) -> T | None:
    return next((node for node in nodes if isinstance(node, kind)), None)
