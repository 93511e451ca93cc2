"""Checks `target.memory=8 GiB`: overrides of a group's fields (`target=h100` is the recipe's own statement)."""

from __future__ import annotations

import math
from typing import Any

from infopt_compiler.config.groups import GROUPS, GroupField, group_fields
from infopt_compiler.config.overrides import Override
from infopt_compiler.config.values import decode_quantity, unit_names
from infopt_compiler.diagnostics import DiagnosticError, Input, Span, did_you_mean, error
from infopt_compiler.units import UNITS, Dimension, Quantity, UnitError, human

# Of these a plain number is clear. `target.bandwidth=50` would be 50 bytes per second, and is rather 50 GB/s.
_PLAIN = (Dimension.time, Dimension.fraction)


def is_group_field(override: Override) -> bool:
    """`target.memory=…`, also with a wrong operator; `target=h100` is the recipe's own statement."""
    return override.path.partition(".")[0] in GROUPS and "." in override.path


def group_value(override: Override) -> Any:
    """The checked value of an override of a group's field; DiagnosticError otherwise."""
    group, _, name = override.path.partition(".")
    span = Span(Input("command line", override.text), 0, len(override.text))
    if override.operator == "~" or override.value is None:
        raise DiagnosticError(error("E0552", f"`{override.path}` cannot be deleted", span))
    fields = group_fields(group)
    if name not in fields:
        start = len(override.operator) + len(group) + 1
        at = Span(span.input, start, start + max(1, len(name)))
        raise DiagnosticError(
            error("E0552", f"`{group}` has no field `{name}`", at, help=did_you_mean(name, fields))
        )
    start = len(override.text) - len(override.value)
    return _decode(
        fields[name], override.value.strip(), Span(span.input, start, len(override.text)), override.path
    )


def with_unit(override: Override) -> Override:
    """The override of a field that needs a unit with its base unit behind a plain number: what a job gets from Hydra."""
    group, _, name = override.path.partition(".")
    field = group_fields(group).get(name) if group in GROUPS else None
    if field is None or field.dimension in (None, *_PLAIN) or _number(override.value or "") is None:
        return override
    unit = next(u for u in UNITS.values() if u.dimension is field.dimension and u.scale == 1.0)
    value = str(Quantity(float(override.value or ""), unit))
    return Override(override.with_value(value), override.operator, override.path, value)


def _decode(field: GroupField, text: str, span: Span, path: str) -> Any:
    value = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
    if field.optional and value == "null":
        return None
    try:
        decoded = _quantity(field, value) if field.dimension else _plain(field.kind, value)
    except UnitError as problem:
        raise DiagnosticError(error("E0553", str(problem), span, help=problem.help)) from problem
    except ValueError as problem:
        raise DiagnosticError(
            error("E0553", f"`{path}` takes {_wanted(field)}, not `{text}`", span, help=field.doc or None)
        ) from problem
    if not _in_range(field, decoded):
        message = f"`{path}` is {_range(field)}, not `{text}`"
        number = _number(value)
        percent = field.dimension is Dimension.fraction and number is not None and 1 < number <= 100
        help = f"write `{value}%`" if percent else field.doc or None
        raise DiagnosticError(error("E0553", message, span, help=help))
    return decoded


def _in_range(field: GroupField, value: Any) -> bool:
    if field.dimension is not None and isinstance(value, str):
        value = decode_quantity(value).base
    if isinstance(value, bool | str):
        return True
    return bool(value >= field.minimum and (field.maximum is None or value <= field.maximum))


def _range(field: GroupField) -> str:
    dimension = field.dimension or Dimension.number
    least = human(field.minimum, dimension)
    if field.maximum is None:
        return f"at least {least}"
    return f"between {least} and {human(field.maximum, dimension, digits=6)}"


def _quantity(field: GroupField, text: str) -> str | float:
    """Canonical text, or the number in base units where the field holds one; a plain number is one of seconds or a share."""
    assert field.dimension is not None
    if field.kind is str:
        return str(decode_quantity(text, field.dimension))
    plain = _number(text) if field.dimension in _PLAIN else None
    number = float(f"{decode_quantity(text, field.dimension).base:.15g}") if plain is None else plain
    return number if math.isfinite(number) else _no(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _plain(kind: type, text: str) -> Any:
    if kind is bool:
        return {"true": True, "false": False}[text] if text in ("true", "false") else _no(text)
    if kind in (int, float):
        number = kind(text)
        return number if math.isfinite(number) else _no(text)
    return text


def _no(text: str) -> Any:
    raise ValueError(text)


def _wanted(field: GroupField) -> str:
    if field.dimension is not None:
        plain = "a number, or " if field.dimension in _PLAIN and field.kind is float else ""
        return f"{plain}a quantity in " + ", ".join(f"`{name}`" for name in unit_names(field.dimension))
    return {bool: "`true` or `false`", int: "a whole number", float: "a number", str: "a text"}.get(
        field.kind, "a value"
    )
