"""Checks `NAME = PASS(arguments)` against the fields and inputs of the pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.artifacts import Artifact, HFModel, TextData
from infopt_compiler.diagnostics import Note, Severity, Span, did_you_mean, error, warning
from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.registry import PASSES, find_pass, pass_names
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.sema.program import Node
from infopt_compiler.sema.requirements import check_requirement
from infopt_compiler.sema.scope import Kind, Scope, Symbol
from infopt_compiler.sema.slot import InputSlot, Signature, article, signature_of
from infopt_compiler.sema.values import BAD, convert, describe
from infopt_compiler.syntax import ast
from infopt_compiler.syntax.explain import decimal_comma

_ARTIFACTS = (Kind.model, Kind.data, Kind.node)


@dataclass
class Call:
    """A call while it is checked."""

    binding: ast.Binding
    signature: Signature
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    correct: bool = True
    halves: list[ast.Argument | None] = field(
        default_factory=list
    )  # numbers cut by a decimal comma: reported


def check_call(scope: Scope, binding: ast.Binding) -> tuple[Node | None, type[Pass] | None]:
    """The node, and its pass; the node is None where anything was reported."""
    cls = _find(scope, binding.call)
    if cls is None:
        _use_all(scope, binding)
        return None, None
    call = Call(binding, signature_of(cls))
    before = len(scope.found)
    _positional(scope, call)
    for argument in binding.arguments.entries:
        if argument.name is not None and argument not in call.halves:
            _named(scope, call, argument.name, argument)
    _missing(scope, call)
    ordered = {name: call.inputs[name] for name in call.signature.inputs if name in call.inputs}
    node = Node(binding.name.text, cls.name, ordered, call.parameters, call.spans, binding.span)
    wrong = any(problem.severity is Severity.error for problem in scope.found[before:])
    return (node if call.correct and not wrong else None), cls


def _find(scope: Scope, name: ast.Name) -> type[Pass] | None:
    try:
        return find_pass(name.text)
    except BadPlugin as wrong:
        scope.report(wrong.diagnostic(name.span))
        return None
    except KeyError:
        known = pass_names()
        hint = did_you_mean(name.text, known)
        scope.report(error("E0207", f"there is no pass `{name.text}`", name.span, help=hint))
        return None


def _use_all(scope: Scope, binding: ast.Binding) -> None:
    """Nothing is known of an unknown pass; what it takes is at least not unused."""
    for argument in binding.arguments.entries:
        if isinstance(argument.value, ast.Word) and argument.value.text in scope.symbols:
            scope.symbols[argument.value.text].used = True


def _positional(scope: Scope, call: Call) -> None:
    slots = list(call.signature.inputs.values())
    named: ast.Argument | None = None
    at = 0
    for argument in call.binding.arguments.entries:
        if argument.name is not None:
            named = argument
            continue
        place = argument.span
        comma = decimal_comma(place.input, place.start, place.end) if named is not None else None
        if comma is not None:
            scope.report(comma)
            call.halves.append(named)
            continue
        if named:
            message = "a positional argument stands behind a named one"
            hint = "artifacts come first, parameters by name"
            scope.report(error("E0403", message, argument.span, help=hint))
            continue
        if at >= len(slots):
            _too_many(scope, call, argument)
            continue
        slot = slots[at]
        _artifact(scope, call, slot, argument)
        at += 0 if slot.variadic else 1


def _too_many(scope: Scope, call: Call, argument: ast.Argument) -> None:
    call.correct = False
    count = len(call.signature.inputs)
    name = call.binding.call.text
    message = f"`{name}` takes {count} positional argument{'s' if count != 1 else ''}"
    slots = ", ".join(f"`{slot}`" for slot in call.signature.slots)
    hint = f"parameters are given by name: {slots}" if slots else None
    scope.report(error("E0403", message, argument.span, help=hint))


def _artifact(scope: Scope, call: Call, slot: InputSlot, argument: ast.Argument) -> None:
    """Bind one argument to an artifact or scenario; a list names several where the slot takes several."""
    value = argument.value
    items = value.items if isinstance(value, ast.List) and slot.variadic else (value,)
    for item in items:
        name = _artifact_name(scope, call, slot, item)
        if name is not None:
            call.inputs[slot.name] = (*call.inputs.get(slot.name, ()), name)
            call.spans.setdefault(slot.name, item.span)
    if not items:
        _absent(scope, call, slot, argument.span)


def _artifact_name(scope: Scope, call: Call, slot: InputSlot, value: ast.Value) -> str | None:
    symbol = None
    if (
        isinstance(value, ast.Word)
        and value.text in ("null", "none", "None")
        and value.text not in scope.symbols
    ):
        message = f"`{value.text}` is no artifact"
        scope.report(error("E0201", message, value.span, help=f"leave `{slot.name}` out where none is given"))
    elif isinstance(value, ast.Word):
        symbol = scope.find(value, *((Kind.scenario,) if slot.scenario else _ARTIFACTS))
        if symbol is not None and _fits(scope, call, slot, value, symbol):
            return symbol.name.text
    elif not isinstance(value, ast.Invalid):
        message = f"`{slot.name}` takes {slot.takes}, not {describe(value)}"
        scope.report(error("E0303", message, value.span, help="name a binding"))
    call.correct = False
    return None


def _fits(scope: Scope, call: Call, slot: InputSlot, value: ast.Word, symbol: Symbol) -> bool:
    kind = symbol.artifact
    if slot.scenario or kind is None or any(issubclass(kind, wanted) for wanted in slot.kinds):
        return slot.scenario or kind is not None
    message = (
        f"`{call.binding.call.text}` takes {article(slot.takes)}, `{value.text}` is {article(kind.kind)}"
    )
    note = Note(f"`{value.text}` is bound here", symbol.name.span)
    scope.report(error("E0401", message, value.span, notes=(note,), help=_giver(slot.kinds)))
    return False


def _giver(kinds: tuple[type[Artifact], ...]) -> str | None:
    names = ["model"] if HFModel in kinds else ["data"] if TextData in kinds else []
    names += [cls.name for cls in PASSES.usable() if cls.output in kinds]
    return f"{' or '.join(f'`{n}`' for n in names)} gives one" if names else None


def _named(scope: Scope, call: Call, name: ast.Name, argument: ast.Argument) -> None:
    signature = call.signature
    current = signature.current(name.text)
    if current in call.spans:
        note = Note("it is given first here", call.spans[current])
        scope.report(error("E0208", f"`{name.text}` is given twice", name.span, notes=(note,)))
    elif name.text in signature.inputs:
        _artifact(scope, call, signature.inputs[name.text], argument)
        call.spans.setdefault(name.text, argument.span)
    elif current in signature.slots:
        if current != name.text:
            message = f"`{name.text}` is the older spelling of `{current}`"
            scope.report(warning("E0216", message, name.span, help=f"write `{current}`"))
        _parameter(scope, call, current, argument)
    else:
        message = f"`{call.binding.call.text}` has no parameter `{name.text}`"
        scope.report(error("E0203", message, name.span, help=did_you_mean(name.text, signature.names)))
        if isinstance(argument.value, ast.Word) and scope.peek(argument.value.text):
            scope.symbols[argument.value.text].used = True


def _parameter(scope: Scope, call: Call, name: str, argument: ast.Argument) -> None:
    slot = call.signature.slots[name]
    check = check_requirement if slot.requirement else convert
    value = check(scope, slot, argument.value)
    call.spans[name] = argument.value.span
    if value is BAD:
        call.correct = False
    else:
        call.parameters[name] = value


def _missing(scope: Scope, call: Call) -> None:
    for slot in call.signature.inputs.values():
        if (
            not slot.optional
            and slot.name not in call.inputs
            and slot.name not in call.spans
            and call.correct
        ):
            _absent(scope, call, slot, call.binding.call.span)
    for name, parameter in call.signature.slots.items():
        if parameter.required and name not in call.spans:
            call.correct = False
            message = f"`{call.binding.call.text}` needs the parameter `{name}`"
            scope.report(error("E0404", message, call.binding.call.span))


def _absent(scope: Scope, call: Call, slot: InputSlot, span: Span) -> None:
    call.correct = False
    takes = article(slot.takes) if not slot.scenario else slot.takes
    message = f"`{call.binding.call.text}` needs `{slot.name}`: {takes}"
    scope.report(error("E0402", message, span))
