"""Methods by name: the files of `methods/`, and those of packages. Listing them imports none of them.

A package adds one by an entry point of the group `infopt_compiler.methods`: its name = "module:Class".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeGuard

from infopt_compiler.passes.quantize import methods as built_in
from infopt_compiler.passes.quantize.method import Method
from infopt_compiler.plugins import Registry

ENTRY_POINT_GROUP = "infopt_compiler.methods"


def _files() -> dict[str, Callable[[], type[Method]]]:
    names = sorted(one.name for one in iter_modules(built_in.__path__))
    return {name: lambda name=name: _class_in(f"{built_in.__name__}.{name}") for name in names}  # type: ignore[misc]


def _class_in(module: str) -> type[Method]:
    members = vars(import_module(module)).values()
    (found,) = (
        one for one in members if isinstance(one, type) and one.__module__ == module and _is_method(one)
    )
    return found


def _is_method(found: Any) -> TypeGuard[type[Method]]:
    return isinstance(found, type) and issubclass(found, Method) and hasattr(found, "name")


METHODS: Registry[type[Method]] = Registry(
    "method",
    ENTRY_POINT_GROUP,
    _files,
    lambda found: None if _is_method(found) else "no `Method`",
    lambda method: method.name,
)


def method_names() -> tuple[str, ...]:
    """All methods that are built in or registered, sorted. Nothing is imported."""
    return tuple(sorted(METHODS.names()))


def find_method(name: str) -> type[Method]:
    """The class of that name. KeyError where there is none, BadPlugin where a package's cannot be used."""
    return METHODS.find(name)


def make_method(name: str, parameters: Mapping[str, Any]) -> Method:
    """The method with those of the parameters that it has."""
    cls = find_method(name)
    return cls(**{field.name: parameters[field.name] for field in fields(cls) if field.name in parameters})


def method_distributions(name: str) -> tuple[str, ...]:
    """The distributions that a method comes from; () for those that are built in."""
    return METHODS.distributions(name)
