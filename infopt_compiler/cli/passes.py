"""`passes [NAME]`: the passes, and the parameters of one, from its dataclass; of packages also what cannot be used."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from infopt_compiler.architectures.registry import FAMILIES
from infopt_compiler.artifacts import KINDS
from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say, show_diagnostics
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, did_you_mean, error, warning
from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.quantize.registry import METHODS
from infopt_compiler.passes.registry import PASSES, find_pass, pass_names
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.runtimes.registry import RUNTIMES


def run(command: Command) -> int:
    if not command.words:
        described = [_facts(cls) for cls in PASSES.usable()]
        say(json.dumps(described, indent=2) if command.on("json") else _list(described))
        show_diagnostics(list(bad_plugins()), no_color=command.on("no_color"))
        return 0
    facts = _facts(_named(command.words[0]))
    say(json.dumps(facts, indent=2) if command.on("json") else _page(facts))
    return 0


def bad_plugins() -> Iterator[Diagnostic]:
    """What packages register and cannot be used: a warning each, since nothing may want it."""
    for registry in (PASSES, KINDS, RUNTIMES, METHODS, FAMILIES):
        for wrong in registry.problems():
            yield warning(wrong.code, str(wrong), help=wrong.help)


def _named(name: str) -> type[Pass]:
    """DiagnosticError where there is no such pass, or where it cannot be used."""
    names = pass_names()
    if name not in names:
        raise DiagnosticError(error("E0522", f"no pass `{name}`", at(name), help=did_you_mean(name, names)))
    try:
        return find_pass(name)
    except BadPlugin as wrong:
        raise DiagnosticError(wrong.diagnostic(at(name))) from wrong


def _facts(pass_class: type[Pass]) -> dict[str, Any]:
    types_of = typing.get_type_hints(pass_class)
    return {
        "name": pass_class.name,
        "version": pass_class.version,
        "doc": inspect.cleandoc(pass_class.__doc__ or ""),
        "inputs": {name: type_name(kind) for name, kind in pass_class.inputs.items()},
        "output": pass_class.output.kind,
        "parameters": [_parameter(f, types_of[f.name]) for f in dataclasses.fields(pass_class)],
    }


def _parameter(spec: dataclasses.Field[Any], kind: Any) -> dict[str, Any]:
    facts = spec.metadata
    return {
        "name": spec.name,
        "type": facts["dimension"].value
        if facts.get("dimension")
        else _type_name(kind, facts.get("choices")),
        "default": _default(spec),
        "choices": [_plain(choice) for choice in facts.get("choices") or _members(kind)],
        "minimum": facts.get("minimum"),
        "maximum": facts.get("maximum"),
        "auto": bool(facts.get("auto")),
        "formerly": list(facts.get("formerly", ())),
        "doc": facts.get("doc", ""),
    }


def _type_name(kind: Any, choices: Any) -> str:
    """A text that is one of some names is written as a word."""
    return "word" if kind is str and choices else type_name(kind)


def type_name(kind: Any) -> str:
    """`HFModel | QuantizedModel`, `TextData?`, `HFModel...`: a type as a recipe's author reads it."""
    arguments = [a for a in typing.get_args(kind) if a not in (type(None), ...)]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " | ".join(map(type_name, arguments)) + ("?" if type(None) in typing.get_args(kind) else "")
    if typing.get_origin(kind) is tuple:
        return f"{type_name(arguments[0])}..."
    if typing.get_origin(kind) is list:
        return f"list of {type_name(arguments[0])}"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "word"
    return str(getattr(kind, "__name__", kind))


def _members(kind: Any) -> list[Any]:
    return list(kind) if isinstance(kind, type) and issubclass(kind, enum.Enum) else []


def _default(spec: dataclasses.Field[Any]) -> Any:
    if spec.default_factory is not dataclasses.MISSING:
        return spec.default_factory()
    return None if spec.default is dataclasses.MISSING else _plain(spec.default)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _list(described: list[dict[str, Any]]) -> str:
    width = max(len(facts["name"]) for facts in described)
    return "\n".join(f"{facts['name']:<{width}}  {facts['doc'].splitlines()[0]}" for facts in described)


def _page(facts: dict[str, Any]) -> str:
    takes = ", ".join(f"{name}: {kind}" for name, kind in facts["inputs"].items())
    lines = [f"{facts['name']}({takes}) -> {facts['output']}", "", facts["doc"], "", "parameters:"]
    width = max((len(p["name"]) for p in facts["parameters"]), default=0)
    for parameter in facts["parameters"]:
        lines.append(f"  {parameter['name']:<{width}}  {parameter['doc']}")
        lines.append(f"  {'':<{width}}  {_range(parameter)}")
    return "\n".join(lines)


def _range(parameter: dict[str, Any]) -> str:
    """`int, default 4, one of 4, 8`."""
    default = (
        json.dumps(parameter["default"])
        if not isinstance(parameter["default"], str)
        else parameter["default"]
    )
    text = f"{parameter['type']}, default {default or '(empty)'}"
    if parameter["auto"]:
        text = f"{parameter['type']} or `auto`, default auto"
    if parameter["choices"]:
        text += ", one of " + ", ".join(map(str, parameter["choices"]))
    text += _limits(parameter["minimum"], parameter["maximum"])
    formerly = ", ".join(parameter["formerly"])
    return f"{text}; formerly {formerly}" if formerly else text


def _limits(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else f", at most {high}" if high is not None else ""
