"""Passes by name: built-in ones, and those of packages. Listing them imports none of them.

A package adds one by an entry point of the group `infopt_compiler.passes`: its name = "module:Class".
"""

from __future__ import annotations

from typing import Any, TypeVar

from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.contract import breaches
from infopt_compiler.plugins import BadPlugin, Registry, named

P = TypeVar("P", bound=type[Pass])

ENTRY_POINT_GROUP = "infopt_compiler.passes"

_BUILT_IN: dict[str, str] = {
    "select": "infopt_compiler.passes.select:Select",
    "distill": "infopt_compiler.passes.distill:Distill",
    "quantize": "infopt_compiler.passes.quantize:Quantize",
    "shard": "infopt_compiler.passes.shard:Shard",
    "export": "infopt_compiler.passes.export:Export",
    "tune": "infopt_compiler.passes.tune:Tune",
}

_REGISTERED: dict[str, type[Pass]] = {}


def register_pass(cls: P) -> P:
    """Class decorator: checks the contract, and makes the pass known to this process where no entry point does. BadPlugin
    where it breaks the contract, or where there is another pass of its name."""
    here = f"{cls.__module__}:{cls.__qualname__}"
    if not isinstance(getattr(cls, "name", None), str):
        raise BadPlugin("E0793", f"the pass {here} has no `name`", "say `name: ClassVar[str] = …`")
    for broken in breaches(cls):
        told = f"the pass `{cls.name}` of {here} {broken}"
        raise BadPlugin("E0793", told, "docs/writing-a-pass.md has the contract")
    other = _REGISTERED.get(cls.name)
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        there = f"{other.__module__}:{other.__qualname__}"
        told = f"the pass `{cls.name}` is there twice: in {there} and in {here}"
        raise BadPlugin("E0791", told, "let one take another name")
    _REGISTERED[cls.name] = cls
    return cls


def _wrong(found: Any) -> str | None:
    if not (isinstance(found, type) and issubclass(found, Pass)):
        return "no subclass of `Pass`"
    return None if isinstance(getattr(found, "name", None), str) else "a `Pass` without a `name`"


PASSES: Registry[type[Pass]] = Registry(
    "pass",
    ENTRY_POINT_GROUP,
    lambda: {name: named(place) for name, place in _BUILT_IN.items()},
    _wrong,
    lambda cls: cls.name,
    breaches,
)


def pass_names() -> list[str]:
    """Names of all passes, built-in ones first in the order of impact; nothing is imported."""
    return list(PASSES.names())


def find_pass(name: str) -> type[Pass]:
    """The pass class of that name. KeyError if there is none, BadPlugin if a package's cannot be used."""
    if name not in PASSES.names() and name in _REGISTERED:
        return _REGISTERED[name]
    return PASSES.find(name)
