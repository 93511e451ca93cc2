"""From Lark's tree to the AST: one method per rule of the grammar, named like it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any, TypeVar

from lark import Token, Transformer, v_args
from lark.tree import Meta

from infopt_compiler.diagnostics import Diagnostic, Input, Note, Span, error
from infopt_compiler.syntax import ast
from infopt_compiler.syntax.chunks import without_quiet
from infopt_compiler.syntax.printer import format_bound
from infopt_compiler.units import UnitError, format_number, parse_quantity

T = TypeVar("T")
_LARGEST = 2.0**53  # beyond it a float no longer holds every whole number


@v_args(meta=True)
class Builder(Transformer[Token, Any]):  # type: ignore[misc]  # lark is not followed
    """Builds nodes whose spans lie in `input`, `base` characters behind `source`, which was parsed; collects what values got wrong."""

    def __init__(self, input: Input, source: str, base: int = 0) -> None:
        super().__init__(visit_tokens=False)
        self.input = input
        self._source = source
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
            bits = re.fullmatch(r"(\d+)\s*bit", span.text)
            times = re.fullmatch(r"(\d+(?:\.\d+)?)\s*[x×]", span.text)
            help = (
                f"write `{format_number(round(float(times[1]) * 100, 9))}%`"
                if times
                else f"write `{bits[1]}` where a number of bits is meant, as in `bits = 4`"
                if bits
                else wrong.help
            )
            self.found.append(error("E0301", str(wrong), span, help=help))
            return ast.Invalid(span=span)
        if not math.isfinite(quantity.base) or abs(quantity.value) > _LARGEST:
            self.found.append(error("E0308", f"`{span.text}` is too large a number to be exact", span))
            return ast.Invalid(span=span)
        if span.text.startswith("+"):
            more = ", or `N% of NAME` for that much more" if quantity.unit.name == "%" else ""
            self.found.append(_signed(span, f"write `{quantity}`{more}"))
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
        start, _, stop = children
        return ast.Range(start, stop, span=self._span(meta))

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
        bound = ast.Bound(metric, str(operator), limit, span=self._span(meta), **self._clauses(clauses))
        self._say_share(bound.limit, bound.of)
        ends = [metric.span, self._span(operator), limit.span, *(span for _, _, span in clauses)]
        apart = next((piece for piece in ends if self._breaks(bound.span.start, piece.end)), None)
        if apart is not None:
            message = f"`{' '.join(apart.text.split())}` stands on another line than its bound"
            self.found.append(
                error("E0123", message, apart, help=f"write `{format_bound(bound)}` on one line")
            )
        return bound

    def _say_share(self, limit: ast.Scalar, of: ast.Name | None) -> None:
        """`+10% of base` was told without its `of`: name the share that is meant."""
        text = limit.span.text
        if of is not None and isinstance(limit, ast.Invalid) and text.startswith("+") and text.endswith("%"):
            share = format_number(round(100 + parse_quantity(text).value, 9))
            meant = _signed(limit.span, f"write `{share}% of {of.text}`")
            self.found = [meant if one.span == limit.span else one for one in self.found]

    def _breaks(self, start: int, end: int) -> bool:
        """A line ends between the two places."""
        return "\n" in self._source[start - self.base : end - self.base]

    def warn(self, meta: Meta, children: list[Token]) -> Span:
        return self._span(meta)

    def bounds(self, meta: Meta, children: list[ast.Bound | Span]) -> ast.Bounds:
        """A `warn` is the modifier of the bound that it stands in front of, on one line."""
        done: list[ast.Bound] = []
        waiting: Span | None = None  # a `warn` whose bound comes next
        for k, child in enumerate(children):
            if isinstance(child, ast.Bound):
                done.append(child if waiting is None else _warned(child, waiting))
                waiting = None
            else:
                following = children[k + 1] if k + 1 < len(children) else None
                if self._warns_behind(child, done[-1] if done else None, following):
                    done[-1] = _warned(done[-1], child)
                else:
                    waiting = child
        return ast.Bounds(tuple(done), span=self._span(meta))

    def _warns_behind(self, warn: Span, before: ast.Bound | None, after: ast.Bound | Span | None) -> bool:
        """Whether this `warn` was meant for the bound before it; all but a `warn` in front of its bound is told."""
        in_front = isinstance(after, ast.Bound) and not self._between(warn, after.span).strip(" \t")
        gap = self._between(before.span, warn) if before is not None else "\n"
        behind = "\n" not in gap
        if in_front and (not behind or "," in gap):
            return False
        message = "`warn` stands in front of its bound, on the same line"
        if in_front and isinstance(after, ast.Bound):
            message = "`warn` may be of the bound before it or of the one behind it"
            help = f"put a comma in front: `, warn {format_bound(after)}`"
        elif behind and before is not None:
            help = f"write `warn {format_bound(before)}`"
        else:
            help = f"write `warn {format_bound(after)}`" if isinstance(after, ast.Bound) else "leave it out"
        self.found.append(error("E0123", message, warn, help=help))
        return behind

    def _between(self, one: Span, other: Span) -> str:
        return without_quiet(self._source[one.end - self.base : other.start - self.base])

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
        of = clauses[0][1] if clauses else None
        self._say_share(limit, of)
        return limit, of


def _warned(bound: ast.Bound, warn: Span) -> ast.Bound:
    span = Span(warn.input, min(warn.start, bound.span.start), max(warn.end, bound.span.end))
    return replace(bound, warn=True, span=span)


def _signed(span: Span, help: str) -> Diagnostic:
    """A `+` is no part of a number: read as one it would turn `+10% of base` into a tenth of it."""
    return error("E0118", f"`{span.text}`: a number has no `+` in front", span, help=help)


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
