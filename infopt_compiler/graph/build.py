"""From a checked recipe to its graph: only what is shipped or measured, ordered and verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.graph.model import DataStep, Graph, ModelStep, PassStep, Step
from infopt_compiler.graph.verify import verify
from infopt_compiler.passes.instance import make_pass
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.sema.program import Node, Program
from infopt_compiler.sema.slot import signature_of


def build_graph(program: Program, base: Path | None = None) -> Graph:
    """The steps that make what ships and what budgets compare with, in topological order: sources first, so that what is wrong
    with one is told before any pass runs.

    `base` is the folder that `file:` paths are relative to; by default the recipe's. DiagnosticError E0807, E0808.
    """
    if base is None:
        base = Path(program.input.name).parent if program.input is not None else Path()
    steps: dict[str, Step] = {}
    for step in _ordered(program):
        steps[step.name] = _with_output(step, steps)
    graph = Graph(program.recipe, steps, program.shipped, base.resolve())
    if problems := list(verify(graph)):
        raise DiagnosticError(*problems)
    return graph


def _wanted(program: Program) -> Iterator[str]:
    """What ships, then what bounds refer to: references, baselines and held-out data."""
    yield from program.shipped
    for budget in program.budgets.values():
        for bound in budget.bounds:
            yield from (name for name in (bound.beside, bound.reference, bound.on) if name is not None)


def _reached(program: Program) -> dict[str, Step]:
    """Every step that is wanted, and all that they depend on."""
    steps: dict[str, Step] = {}
    waiting = list(_wanted(program))
    while waiting:
        name = waiting.pop()
        if name not in steps:
            steps[name] = _step(program, name)
            waiting += steps[name].needs
    return steps


def _ordered(program: Program) -> Iterator[Step]:
    """Sources, then passes, inputs before what takes them; steps of one depth in the order of the recipe."""
    reached = _reached(program)
    written = [name for name in (*program.models, *program.data, *program.nodes) if name in reached]
    sorter = TopologicalSorter({name: list(reached[name].needs) for name in written})
    try:
        return (reached[name] for name in list(sorter.static_order()))
    except CycleError as found:
        circle = found.args[1][::-1]  # each is taken by the one before it
        message = f"`{circle[0]}` depends on itself: {' -> '.join(circle)}"
        raise DiagnosticError(error("E0807", message, reached[circle[0]].span)) from None


def _with_output(step: Step, steps: dict[str, Step]) -> Step:
    """With the kind that a pass makes of these inputs."""
    if not isinstance(step, PassStep):
        return step
    kinds = {argument: steps[names[0]].output for argument, names in step.inputs.items() if names}
    return replace(step, made=step.instance.output_for(kinds))


def _step(program: Program, name: str) -> Step:
    if name in program.models:
        model = program.models[name]
        return ModelStep(name, span=model.span, declaration=model)
    if name in program.data:
        data = program.data[name]
        return DataStep(name, span=data.span, declaration=data)
    if name in program.nodes:
        return _pass_step(program, program.nodes[name])
    raise DiagnosticError(error("E0807", f"no binding is called `{name}`"))


def _pass_step(program: Program, node: Node) -> PassStep:
    cls = find_pass(node.pass_name)
    slots = signature_of(cls).inputs
    artifacts = {argument: names for argument, names in node.inputs.items() if not slots[argument].scenario}
    scenarios = {
        argument: program.scenarios[names[0]]
        for argument, names in node.inputs.items()
        if slots[argument].scenario and names
    }
    return PassStep(
        node.name,
        artifacts,
        scenarios,
        node.span,
        instance=make_pass(cls, node.parameters),
        variadic=frozenset(argument for argument, slot in slots.items() if slot.variadic),
    )
