"""Checks over the whole recipe: what nothing uses, and text that both calibrates and judges."""

from __future__ import annotations

from collections.abc import Iterator

from infopt_compiler.artifacts import TextData
from infopt_compiler.diagnostics import Note, Span, warning
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.sema.program import DataDecl, Node, Program
from infopt_compiler.sema.scope import Kind, Scope
from infopt_compiler.sema.slot import signature_of


def warn_unused(scope: Scope, shipped: tuple[str, ...]) -> None:
    """A binding that nothing uses and that does not ship."""
    for symbol in scope.symbols.values():
        if not symbol.used and symbol.name.text not in shipped:
            message = f"`{symbol.name.text}` is never used"
            hint = "leave it out, or give it a budget" if symbol.kind is Kind.node else "leave it out"
            scope.report(warning("E0210", message, symbol.name.span, help=hint))


def warn_overlap(scope: Scope, program: Program) -> None:
    """Quality is judged on text that the subject's passes were calibrated with: the figure flatters."""
    for budget in program.budgets.values():
        calibrated = list(_calibration(program, budget.subject))
        for bound in budget.bounds:
            judged = program.data.get(bound.on) if bound.on is not None else None
            if judged is None:
                continue
            for node, data in calibrated:
                if _overlap(data, judged):
                    _report(scope, node, data, judged, bound.span)
    for node in program.nodes.values():
        _warn_own_overlap(scope, program, node)


def _warn_own_overlap(scope: Scope, program: Program, node: Node) -> None:
    """A pass that judges by itself (`distill` its student and the control) on text that it learns from."""
    measured = find_pass(node.pass_name).only_measured
    learnt = list(_texts(program, node))
    for argument in sorted(measured & node.inputs.keys()):
        for judged in (program.data[name] for name in node.inputs[argument] if name in program.data):
            for data in learnt:
                if _overlap(data, judged):
                    _report(scope, node, data, judged, node.spans.get(argument, node.span))


def _report(scope: Scope, node: Node, data: DataDecl, judged: DataDecl, span: Span | None) -> None:
    message = (
        f"`{judged.name}`, on which quality is judged, overlaps `{data.name}`, which calibrates `{node.name}`"
    )
    note = Note(
        f"`{data.name}` is {_share(data)} and `{judged.name}` {_share(judged)} of the same text", data.span
    )
    hint = "judge on text that no pass has seen, such as another range"
    scope.report(warning("E0431", message, span, notes=(note,), help=hint))


def _share(data: DataDecl) -> str:
    return f"{data.start * 100:g}% to {data.stop * 100:g}%"


def _overlap(one: DataDecl, other: DataDecl) -> bool:
    same = (one.source, one.field) == (other.source, other.field)
    return same and one.start < other.stop and other.start < one.stop


def _calibration(program: Program, binding: str) -> Iterator[tuple[Node, DataDecl]]:
    """The text that shapes weights on the way to a binding: every text argument but those that only measure."""
    seen: set[str] = set()
    waiting = [binding]
    while waiting:
        name = waiting.pop()
        node = program.nodes.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        for bindings in node.inputs.values():
            waiting += bindings
        yield from ((node, data) for data in _texts(program, node))


def _texts(program: Program, node: Node) -> Iterator[DataDecl]:
    """The text arguments of a pass, but those that only measure."""
    cls = find_pass(node.pass_name)
    inputs = signature_of(cls).inputs
    for argument, bindings in node.inputs.items():
        if TextData in inputs[argument].kinds and argument not in cls.only_measured:
            yield from (program.data[b] for b in bindings if b in program.data)
