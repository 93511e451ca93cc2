"""Families by model type: the files of `families/`, and those of packages.

A package adds one by an entry point of the group `infopt_compiler.architectures`: its model type = "module:FAMILY".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from infopt_compiler.architectures import families as built_in
from infopt_compiler.architectures.family import Ability, Family
from infopt_compiler.architectures.unknown import FAMILY as UNKNOWN

ENTRY_POINT_GROUP = "infopt_compiler.architectures"


class BadFamily(ValueError):
    """A package's description that cannot be used; the message names the package."""


@cache
def find_family(model_type: str, architecture: str = "") -> Family:
    """The description of that `model_type`; where none is said, of the class that `architectures` names; else `UNKNOWN`.
    BadFamily where a package registered something else under that name."""
    if (name := model_type.replace("-", "_")) in known_types():
        return _load(name)
    if model_type not in ("", UNKNOWN.name):
        return UNKNOWN
    of_class = (one for one in families() if architecture in one.classes)
    return next(of_class, UNKNOWN)


def family_of(config: Mapping[str, Any]) -> Family:
    """Of the contents of a config.json."""
    classes = config.get("architectures") or [""]
    return find_family(str(config.get("model_type", "")), str(classes[0]))


def families() -> tuple[Family, ...]:
    """All of them, by name; what a package registered and cannot be used is left out."""
    found = []
    for name in known_types():
        try:
            found.append(_load(name))
        except BadFamily:
            continue
    return tuple(found)


def able(ability: Ability) -> tuple[Family, ...]:
    """Those with which that can be done."""
    return tuple(one for one in families() if one.can(ability))


@cache
def known_types() -> tuple[str, ...]:
    """Model types that are described; nothing is imported."""
    return tuple(sorted({*_files(), *_registered()}))


@cache
def _files() -> dict[str, str]:
    """Model type → module."""
    return {one.name: f"{built_in.__name__}.{one.name}" for one in iter_modules(built_in.__path__)}


@cache
def _registered() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        name = point.name.replace("-", "_")
        found[name] = (*found.get(name, ()), point)
    return found


@cache
def _load(name: str) -> Family:
    points, module = _registered().get(name, ()), _files().get(name)
    if len(points) + (module is not None) > 1:
        owners = [*([module] if module else []), *(_owner(point) for point in points)]
        raise BadFamily(f"the architecture `{name}` is described twice: by {' and by '.join(owners)}")
    try:
        found = import_module(module).FAMILY if module else points[0].load()
    except Exception as wrong:  # a package's module may raise anything
        raise BadFamily(
            f"the architecture `{name}` ({_owner(points[0])}) cannot be imported: {wrong}"
        ) from wrong
    if not isinstance(found, Family) or found.name.replace("-", "_") != name:
        where = _owner(points[0]) if points else module
        raise BadFamily(f"the architecture `{name}` ({where}) is no `Family` of that name")
    return found


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name}, {point.value}" if point.dist is not None else point.value
