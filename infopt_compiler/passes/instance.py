"""A pass as an object from the plain values of a recipe, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Parameters = TypeVar("Parameters", bound="DataclassInstance")


def make_pass(cls: type[Parameters], parameters: Mapping[str, Any]) -> Parameters:
    """The pass (or the part of one that holds its parameters) with these; the text of an enum member becomes the member, an integer a float where one
    is asked for (so `1` and `1.0` are one parameter)."""
    hints = get_type_hints(cls)
    return cls(**{name: _typed(value, hints[name]) for name, value in parameters.items()})


def parameters_of(instance: DataclassInstance) -> dict[str, Any]:
    """All parameters, defaults included, as plain values."""
    return {field.name: _plain(getattr(instance, field.name)) for field in fields(instance) if field.init}


def _typed(value: Any, hint: Any) -> Any:
    if isinstance(value, list):
        inner = get_args(hint)
        return [_typed(item, inner[0]) for item in value] if inner else value
    for kind in (hint, *get_args(hint)):
        if isinstance(kind, type) and issubclass(kind, Enum) and value is not None:
            return kind(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
