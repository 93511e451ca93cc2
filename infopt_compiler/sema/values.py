"""Values: from the tree to plain Python values of the type that a slot wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from infopt_compiler.artifacts import TextData
from infopt_compiler.diagnostics import Span, did_you_mean, error
from infopt_compiler.passes.base import AUTO
from infopt_compiler.sema.scope import Kind, Scope
from infopt_compiler.sema.slot import Slot
from infopt_compiler.syntax import ast
from infopt_compiler.units import UNITS, Dimension, Quantity, human


class _Bad:
    """Stands for a value that was reported."""


BAD: Final = _Bad()

_COUNTS = (Dimension.tokens, Dimension.samples, Dimension.number)  # a plain number may stand for these
_EXAMPLES: dict[Dimension, str] = {
    Dimension.time: "600 ms",
    Dimension.bytes: "110 MB",
    Dimension.token_rate: "80 tok/s",
    Dimension.request_rate: "5 req/s",
    Dimension.fraction: "95%",
    Dimension.information: "0.05 nats",
    Dimension.price: "0.20 USD/h",
    Dimension.token_price: "0.10 USD/Mtok",
    Dimension.tokens: "128 tokens",
    Dimension.samples: "64 samples",
    Dimension.byte_rate: "50 GB/s",
    Dimension.operation_rate: "80 GFLOP/s",
}


def convert(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    """The plain value, checked against type, unit, range and choices; BAD where something was reported."""
    if slot.type is list:
        return _list(scope, slot, value)
    if slot.words:
        return _member(scope, slot, slot.words, value)
    if slot.type is bool:
        return _bool(scope, slot, value)
    if slot.type is TextData:
        return _binding(scope, slot, value)
    if isinstance(value, ast.Loose) and slot.type is str and slot.dimension is None:
        return value.text
    if slot.auto and isinstance(value, ast.Word | ast.Loose) and value.text == "auto":
        return AUTO
    if isinstance(value, ast.Word) and _is_number(slot) and value.text not in scope.symbols:
        return _no_number(scope, slot, value)
    if isinstance(value, ast.Word) and not _is_number(slot) and value.text not in scope.symbols:
        message = f"`{value.text}` is no value: no `let` has that name"
        scope.report(error("E0201", message, value.span, help=f'write `{slot.name} = "{value.text}"`'))
        return BAD
    value = literal(scope, value)
    if isinstance(value, ast.Invalid):
        return BAD
    if slot.type is str and slot.dimension is None:
        return _text(scope, slot, value)
    hint = _without_more(slot, value.span.text.strip("\"'"))
    number = quantity(scope, value, slot.dimension or Dimension.number, slot.name, hint)
    if number is None or not _in_range(scope, slot, number, value.span):
        return BAD
    return _number(scope, slot, number, value.span)


def _is_number(slot: Slot) -> bool:
    return slot.type is not str or slot.dimension is not None


def _no_number(scope: Scope, slot: Slot, value: ast.Word) -> Any:
    """A word that is no `let`, where a number is wanted: `int4` means one."""
    known = [s.name.text for s in scope.symbols.values() if s.kind is Kind.let]
    hint = _without_more(slot, value.text)
    if hint is not None:
        what = _article(_describe(slot.dimension or Dimension.number))
        message = f"`{slot.name}` is {what}, not {describe(value)}"
        scope.report(error("E0303", message, value.span, help=hint))
    else:
        message = f"`{value.text}` is no value: no `let` has that name"
        hint = did_you_mean(value.text, known) or _for_number(slot)
        scope.report(error("E0201", message, value.span, help=hint))
    return BAD


def _without_more(slot: Slot, text: str) -> str | None:
    """The plain number that a text such as `int4`, `4-bit` or `"4"` means, if it means one that the slot takes."""
    digits = re.fullmatch(r"[A-Za-z]*_?(\d+(?:\.\d+)?)[ _-]*(?:bits?)?(?:_[A-Za-z\d_]*)?", text)
    if digits is None or (slot.dimension or Dimension.number) not in _COUNTS:
        return None
    value = float(digits[1])
    if slot.choices is not None and value not in slot.choices:
        return _for_number(slot)
    return f"write `{slot.name} = {digits[1]}`"


def _for_number(slot: Slot) -> str | None:
    if slot.choices is not None:
        return f"`{slot.name}` is one of {', '.join(str(choice) for choice in slot.choices)}"
    return _example(slot.dimension) if slot.dimension is not None else None


def literal(scope: Scope, value: ast.Value) -> ast.Value:
    """A bare word replaced by the value of the `let` that it names; other values as they are."""
    if not isinstance(value, ast.Word):
        return value
    symbol = scope.find(value, Kind.let)
    if symbol is None or symbol.value is None:
        return ast.Invalid(span=value.span)
    return _at(symbol.value, value.span)


def _at(value: ast.Value, span: Span) -> ast.Value:
    """The value as if it had been written at `span`."""
    return replace(value, span=span)


def quantity(
    scope: Scope, value: ast.Value, dimension: Dimension, what: str, hint: str | None = None
) -> Quantity | None:
    """A number of that dimension; None where it was reported, with `hint`. Plain numbers count as tokens or samples."""
    value = literal(scope, value)
    if isinstance(value, ast.Invalid):
        return None
    if not isinstance(value, ast.Number):
        message = f"`{what}` is {_article(_describe(dimension))}, not {describe(value)}"
        if isinstance(value, ast.List):
            several = ",".join(item.span.text for item in value.items)
            hint = f"one value stands here; several are a sweep of the command line: `-m BINDING.{what}={several}`"
        scope.report(error("E0303", message, value.span, help=hint or _example(dimension)))
        return None
    given = value.quantity
    if given.dimension is dimension or (given.dimension is Dimension.number and dimension in _COUNTS):
        return given
    if given.dimension is Dimension.number:
        message = f"`{what}` is {_article(_describe(dimension))}: the number needs a unit"
    else:
        message = f"`{what}` is {_article(_describe(dimension))}, `{given}` is {_article(_describe(given.dimension))}"
    scope.report(error("E0302", message, value.span, help=hint or _example(dimension)))
    return None


def _describe(dimension: Dimension) -> str:
    if dimension is Dimension.number:
        return "plain number"
    if dimension in (Dimension.bytes, Dimension.tokens, Dimension.samples):
        return f"number of {dimension.value}"
    return "share" if dimension is Dimension.fraction else str(dimension.value)


def _article(noun: str) -> str:
    if noun in ("time", "information"):
        return f"a {noun}" if noun == "time" else "an amount of information"
    return f"a {noun}"


def _example(dimension: Dimension) -> str:
    units = ", ".join(f"`{u.name}`" for u in UNITS.values() if u.dimension is dimension and u.name)
    if dimension is Dimension.number:
        return "write it without a unit"
    return f"write for example `{_EXAMPLES[dimension]}`" + (f" (units: {units})" if units else "")


def describe(value: ast.Value) -> str:
    """How messages call a value."""
    match value:
        case ast.Number():
            return f"the number `{value.quantity}`"
        case ast.Text():
            return "a string"
        case ast.List():
            return "a list"
        case ast.Bound():
            return "a bound"
        case ast.Word():
            return f"`{value.text}`"
    return "this"


def _binding(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    """The name of the data that a setting refers to."""
    if not isinstance(value, ast.Word):
        message = f"`{slot.name}` is the name of data, not {describe(value)}"
        scope.report(error("E0303", message, value.span))
        return BAD
    symbol = scope.find(value, Kind.data)
    if symbol is None:
        return BAD
    if symbol.is_task:
        message = f"`{slot.name}` is text, and `{value.text}` is a task"
        scope.report(error("E0445", message, value.span, help="name data of `file:`, `hf:` or `python:`"))
        return BAD
    return value.text


def _bool(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    if isinstance(value, ast.Word) and value.text in ("true", "false"):
        return value.text == "true"
    if isinstance(value, ast.Word):
        value = _word_or_let(scope, value)
        if isinstance(value, ast.Word) and value.text in ("true", "false"):
            return value.text == "true"
    if not isinstance(value, ast.Invalid):
        message = f"`{slot.name}` is `true` or `false`, not {describe(value)}"
        scope.report(error("E0303", message, value.span))
    return BAD


def _word_or_let(scope: Scope, value: ast.Word) -> ast.Value:
    symbol = scope.peek(value.text)
    if symbol is None or symbol.kind is not Kind.let or symbol.value is None:
        return value
    symbol.used = True
    return _at(symbol.value, value.span)


def _member(scope: Scope, slot: Slot, members: Sequence[str], value: ast.Value) -> Any:
    if isinstance(value, ast.Word) and value.text not in members:
        value = _word_or_let(scope, value)
    if isinstance(value, ast.Invalid):
        return BAD
    if isinstance(value, ast.Word):
        if value.text in members:
            return value.text
        message = f"`{value.text}` is none of the values of `{slot.name}`"
        scope.report(error("E0306", message, value.span, help=did_you_mean(value.text, members)))
        return BAD
    hint = "write it without quotes" if isinstance(value, ast.Text) else None
    message = f"`{slot.name}` takes one of {', '.join(f'`{m}`' for m in members)}, not {describe(value)}"
    scope.report(error("E0303", message, value.span, help=hint))
    return BAD


def _text(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    if not isinstance(value, ast.Text):
        message = f"`{slot.name}` is a quoted string, not {describe(value)}"
        scope.report(error("E0303", message, value.span))
        return BAD
    return value.value


def _number(scope: Scope, slot: Slot, number: Quantity, span: Span) -> Any:
    if slot.type is str:
        with_unit = number
        if number.dimension is not slot.dimension and slot.dimension is not None:
            with_unit = Quantity(number.value, UNITS[slot.dimension.value])
        return str(with_unit)
    if slot.type is int:
        if not float(number.base).is_integer():
            scope.report(error("E0309", f"`{slot.name}` is a whole number, not `{number}`", span))
            return BAD
        return _chosen(scope, slot, int(number.base), span)
    return _chosen(scope, slot, float(number.base), span)


def _chosen(scope: Scope, slot: Slot, value: Any, span: Span) -> Any:
    if slot.choices is None or value in slot.choices:
        return value
    choices = ", ".join(str(choice) for choice in slot.choices)
    message = f"`{slot.name}` is one of {choices}, not `{value}`"
    scope.report(error("E0305", message, span, help=_nearest(slot, value)))
    return BAD


def _nearest(slot: Slot, value: Any) -> str | None:
    """The choice that was probably meant."""
    assert slot.choices is not None
    if isinstance(value, str):
        return did_you_mean(value, [str(choice) for choice in slot.choices])
    return f"the nearest is `{slot.name} = {min(slot.choices, key=lambda choice: abs(choice - value))}`"


def _in_range(scope: Scope, slot: Slot, number: Quantity, span: Span) -> bool:
    low, high = slot.minimum, slot.maximum
    if (low is None or number.base >= low) and (high is None or number.base <= high):
        return True
    dimension = slot.dimension or Dimension.number
    least = human(low, dimension) if low is not None else ""
    most = human(high, dimension) if high is not None else ""
    wanted = (
        f"between {least} and {most}"
        if least and most
        else f"at least {least}"
        if least
        else f"at most {most}"
    )
    scope.report(error("E0304", f"`{slot.name}` is {wanted}, not `{number}`", span))
    return False


def _list(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    value = _word_or_let(scope, value) if isinstance(value, ast.Word) else value
    if isinstance(value, ast.Invalid):
        return BAD
    if not isinstance(value, ast.List):
        message = f"`{slot.name}` is a list, not {describe(value)}"
        scope.report(error("E0303", message, value.span, help="write `[a, b]`"))
        return BAD
    inner = Slot(slot.name, slot.item or str, None, slot.dimension, slot.choices, slot.minimum, slot.maximum)
    items = [convert(scope, inner, item) for item in value.items]
    return BAD if any(item is BAD for item in items) else items
