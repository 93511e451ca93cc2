"""What is checked of a pass when it is registered: everything that the language, Hydra and the cache read of its class."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from inspect import isabstract
from typing import Any

from infopt_compiler.artifacts import KINDS, Artifact
from infopt_compiler.passes.base import Pass
from infopt_compiler.scenario import Scenario

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SPELLED = "bool, int, float, str, an Enum of words, or a list of one of them"


def breaches(cls: type[Pass]) -> Iterator[str]:
    """What of the contract the class breaks, a sentence's end each: `has no version, …`."""
    if not _NAME.fullmatch(cls.name):
        yield f"is called `{cls.name}`, and the language spells passes with small letters, digits and `_`"
    version = getattr(cls, "version", None)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        yield (
            "has no `version`, a number from 1 on: it is part of the cache key"
            if version is None
            else (f"has the version {version!r}, and a version is a number from 1 on")
        )
    if isabstract(cls):
        yield "has no `run`"
    if not (is_dataclass(cls) and "__dataclass_fields__" in vars(cls)):
        yield "is no dataclass: write `@dataclass(kw_only=True)` above it"
        return
    yield from _artifacts(cls)
    yield from _parameters(cls)


def _artifacts(cls: type[Pass]) -> Iterator[str]:
    inputs, output = getattr(cls, "inputs", None), getattr(cls, "output", None)
    if not isinstance(inputs, dict):
        yield "has no `inputs`, a dict from arguments to kinds of artifacts"
    else:
        for argument, kind in inputs.items():
            yield from _kinds(f"`{argument}`", kind)
    if not (isinstance(output, type) and issubclass(output, Artifact)):
        yield "has no `output`, a kind of artifact"
    elif output is not Artifact:
        yield from _kinds("`output`", output)


def _kinds(where: str, hint: Any) -> Iterator[str]:
    if members := typing.get_args(hint):
        for member in members:
            yield from _kinds(where, member) if member is not Ellipsis else ()
    elif isinstance(hint, type) and issubclass(hint, Artifact):
        if hint.kind not in KINDS.names():
            group = KINDS.group
            yield f"has as {where} the kind `{hint.kind}`, which no entry point of the group `{group}` names"
    elif hint not in (Scenario, type(None)):
        yield f"has as {where} {_shown(hint)}, which is neither a kind of artifact nor a scenario"


def _parameters(cls: type[Pass]) -> Iterator[str]:
    try:
        hints = typing.get_type_hints(cls)
    except Exception as wrong:  # annotations are the package's
        yield f"has annotations that cannot be read: {type(wrong).__name__}: {wrong}"
        return
    taken = {"pass", *(cls.inputs if isinstance(getattr(cls, "inputs", None), dict) else ())}
    today = taken | {field.name for field in fields(cls)}
    for field in fields(cls):
        for old in today.intersection(field.metadata.get("formerly", ())):
            yield f"has `{old}` as the older spelling of `{field.name}`, and it is a name of today"
        if field.name in taken:
            yield f"has a parameter `{field.name}` beside an argument of that name"
        if not _is_spelled(hints[field.name]):
            yield f"has a parameter `{field.name}` of type {_shown(hints[field.name])}, which the language cannot spell: {_SPELLED}"
        elif field.metadata.get("dimension") and _without_none(hints[field.name]) is not str:
            yield f"has a parameter `{field.name}` with a dimension that is no `str`: it holds a quantity's text"


def _is_spelled(hint: Any) -> bool:
    plain = _without_none(hint)
    if typing.get_origin(plain) is list:
        (plain,) = typing.get_args(plain)
    if not isinstance(plain, type):
        return False
    if issubclass(plain, Enum):
        return all(isinstance(member.value, str) for member in plain)
    return plain in (bool, int, float, str)


def _without_none(hint: Any) -> Any:
    """The type beside None, the hint itself where it is no such union."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    rest = [member for member in typing.get_args(hint) if member is not type(None)]
    return rest[0] if len(rest) == 1 else hint


def _shown(hint: Any) -> str:
    return f"`{hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else hint}`"
