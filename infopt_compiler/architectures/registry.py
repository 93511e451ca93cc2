"""Families by model type: the files of `families/`, and those of packages.

A package adds one by an entry point of the group `infopt_compiler.architectures`: its model type = "module:FAMILY".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import iter_modules
from typing import Any

from infopt_compiler.architectures import families as built_in
from infopt_compiler.architectures.family import Ability, Family
from infopt_compiler.architectures.unknown import FAMILY as UNKNOWN
from infopt_compiler.plugins import Registry, named

ENTRY_POINT_GROUP = "infopt_compiler.architectures"


def _files() -> dict[str, Callable[[], Family]]:
    files = (one.name for one in iter_modules(built_in.__path__))
    return {name: named(f"{built_in.__name__}.{name}:FAMILY") for name in sorted(files)}


def _wrong(found: Any) -> str | None:
    return None if isinstance(found, Family) else "no `Family`"


FAMILIES: Registry[Family] = Registry(
    "architecture",
    ENTRY_POINT_GROUP,
    _files,
    _wrong,
    lambda family: family.name,
    spelled=lambda name: name.replace("-", "_"),
)


def find_family(model_type: str, architecture: str = "") -> Family:
    """The description of that `model_type`; where none is said, of the class that `architectures` names; else `UNKNOWN`.
    BadPlugin where a package registered something else under that name."""
    try:
        return FAMILIES.find(model_type)
    except KeyError:
        if model_type not in ("", UNKNOWN.name):
            return UNKNOWN
    of_class = (one for one in families() if architecture in one.classes)
    return next(of_class, UNKNOWN)


def family_of(config: Mapping[str, Any]) -> Family:
    """Of the contents of a config.json."""
    classes = config.get("architectures") or [""]
    return find_family(str(config.get("model_type", "")), str(classes[0]))


def families() -> tuple[Family, ...]:
    """All of them; what a package registered and cannot be used is left out."""
    return tuple(FAMILIES.usable())


def able(ability: Ability) -> tuple[Family, ...]:
    """Those with which that can be done."""
    return tuple(one for one in families() if one.can(ability))
