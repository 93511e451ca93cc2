"""What passes say of their own plans."""

from __future__ import annotations

from collections.abc import Mapping

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.graph import Graph, PassStep
from infopt_compiler.passes.base import Outline
from infopt_compiler.plan.specs import input_spec
from infopt_compiler.sema.program import Program
from infopt_compiler.targets.model import Target


def plan_outlines(
    program: Program, graph: Graph, specs: Mapping[str, ModelSpec | None], target: Target
) -> dict[str, Outline]:
    """By binding; of passes that have something to say and whose model is known."""
    found: dict[str, Outline] = {}
    for step in graph.steps.values():
        incoming = input_spec(graph, step, specs)
        if isinstance(step, PassStep) and incoming is not None:
            bounds = _bounds(program, step.name)
            said = step.instance.outline(incoming, target, step.scenarios, bounds)
            if said is not None:
                found[step.name] = said
    return found


def _bounds(program: Program, binding: str) -> list[str]:
    """What budgets demand of the binding in absolute figures."""
    return [
        f"{bound.name} {bound.operator.value} {bound.limit}"
        for budget in program.budgets.values()
        for bound in budget.bounds
        if budget.subject == binding and bound.relative_to is None
    ]
