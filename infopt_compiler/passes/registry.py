"""Passes by name. Built-in passes are listed as data, so that listing them imports none of them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TypeVar

from infopt_compiler.passes.base import Pass

P = TypeVar("P", bound=type[Pass])

ENTRY_POINT_GROUP = "infopt_compiler.passes"

_BUILT_IN: dict[str, str] = {
    "select": "infopt_compiler.passes.select",
    "distill": "infopt_compiler.passes.distill",
    "quantize": "infopt_compiler.passes.quantize",
    "shard": "infopt_compiler.passes.shard",
    "export": "infopt_compiler.passes.export",
    "tune": "infopt_compiler.passes.tune",
}

_REGISTERED: dict[str, type[Pass]] = {}


def register_pass(cls: P) -> P:
    """Class decorator; refuses a second pass of the same name."""
    other = _REGISTERED.get(cls.name)
    if other is not None and other.__qualname__ != cls.__qualname__:
        raise ValueError(f"pass `{cls.name}` is registered twice: {other.__module__} and {cls.__module__}")
    _REGISTERED[cls.name] = cls
    return cls


@cache
def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}


def pass_names() -> list[str]:
    """Names of all passes, built-in ones first in the order of impact; nothing is imported."""
    return [*_BUILT_IN, *sorted(set(_entry_points()) - set(_BUILT_IN))]


def find_pass(name: str) -> type[Pass]:
    """The pass class of that name; KeyError if there is none."""
    if name not in _REGISTERED:
        module = _BUILT_IN.get(name) or _entry_points()[name]
        import_module(module.partition(":")[0])
    return _REGISTERED[name]
