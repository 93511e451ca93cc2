"""The graph checked on its own: order and the type of every edge. The checker should have refused what fails here."""

from __future__ import annotations

from collections.abc import Iterator

from infopt_compiler.diagnostics import Diagnostic, error
from infopt_compiler.graph.model import Graph, PassStep
from infopt_compiler.sema.slot import InputSlot, signature_of


def verify(graph: Graph) -> Iterator[Diagnostic]:
    """E0807 for a step before its inputs, E0808 for an edge of the wrong type or a missing argument."""
    seen: set[str] = set()
    for step in graph.steps.values():
        for need in step.needs:
            if need not in seen:
                yield error("E0807", f"`{step.name}` comes before `{need}`, which it takes", step.span)
        if isinstance(step, PassStep):
            yield from _edges(graph, step)
        seen.add(step.name)


def _edges(graph: Graph, step: PassStep) -> Iterator[Diagnostic]:
    for argument, slot in signature_of(type(step.instance)).inputs.items():
        given = step.scenarios if slot.scenario else step.inputs
        if argument not in given and not slot.optional:
            yield error("E0808", f"`{step.name}`: {step.pass_name} needs `{argument}`", step.span)
        names = step.inputs.get(argument, ())
        if len(names) > 1 and not slot.variadic:
            yield error(
                "E0808", f"`{step.name}`: `{argument}` takes one artifact, not {len(names)}", step.span
            )
        yield from _kinds(graph, step, argument, slot, names)


def _kinds(
    graph: Graph, step: PassStep, argument: str, slot: InputSlot, names: tuple[str, ...]
) -> Iterator[Diagnostic]:
    for name in names:
        source = graph.steps.get(name)
        if source is not None and not issubclass(source.output, slot.kinds):
            told = f"`{step.name}`: `{argument}` takes {slot.takes}, and `{name}` is {source.output.kind}"
            yield error("E0808", told, step.span)
