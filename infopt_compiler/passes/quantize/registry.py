"""Methods by name: the files of `methods/`, and those of packages. Listing them imports none of them.

A package adds one by an entry point of the group `infopt_compiler.methods`: its name = "module:Class".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any, TypeGuard

from infopt_compiler.passes.quantize import methods as built_in
from infopt_compiler.passes.quantize.method import Method

ENTRY_POINT_GROUP = "infopt_compiler.methods"


class BadMethod(ValueError):
    """A package's method that cannot be used; the message names the package."""


@cache
def method_names() -> tuple[str, ...]:
    """All methods that are built in or registered, sorted."""
    return tuple(sorted({*_files(), *_registered()}))


@cache
def find_method(name: str) -> type[Method]:
    """The class of that name. KeyError where there is none, BadMethod where a package's cannot be used."""
    points, module = _registered().get(name, ()), _files().get(name)
    if module is None and not points:
        raise KeyError(name)
    if len(points) + (module is not None) > 1:
        owners = [*([module] if module else []), *sorted(map(_owner, points))]
        raise BadMethod(f"the method `{name}` is there twice: from {' and from '.join(owners)}")
    if module is not None:
        return _class_in(module)
    return _loaded(points[0])


def make_method(name: str, parameters: Mapping[str, Any]) -> Method:
    """The method with those of the parameters that it has."""
    cls = find_method(name)
    return cls(**{field.name: parameters[field.name] for field in fields(cls) if field.name in parameters})


def method_distributions(name: str) -> tuple[str, ...]:
    """The distributions that a method comes from; () for those that are built in."""
    return tuple(point.dist.name for point in _registered().get(name, ()) if point.dist is not None)


@cache
def _files() -> dict[str, str]:
    """Name → module."""
    return {one.name: f"{built_in.__name__}.{one.name}" for one in iter_modules(built_in.__path__)}


@cache
def _registered() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def _class_in(module: str) -> type[Method]:
    members = vars(import_module(module)).values()
    (found,) = (
        one for one in members if isinstance(one, type) and one.__module__ == module and _is_method(one)
    )
    return found


def _loaded(point: EntryPoint) -> type[Method]:
    try:
        found = point.load()
    except Exception as wrong:  # a package's module may raise anything
        raise BadMethod(
            f"the method `{point.name}` of {_owner(point)} cannot be imported: {wrong}"
        ) from wrong
    if not _is_method(found) or found.name != point.name:
        raise BadMethod(f"the method `{point.name}` of {_owner(point)} is no `Method` of that name")
    return found


def _is_method(found: Any) -> TypeGuard[type[Method]]:
    return isinstance(found, type) and issubclass(found, Method) and hasattr(found, "name")


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist is not None else point.value
