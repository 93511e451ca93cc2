"""The way through the graph from a source to what ships: what attribution walks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infopt_compiler.artifacts import Artifact, Data, ModelSpec
from infopt_compiler.graph import Graph
from infopt_compiler.measure.attribution.stages import Stage


def stages(
    graph: Graph,
    artifacts: Mapping[str, Artifact],
    specs: Mapping[str, ModelSpec | None],
    facts: Mapping[str, Mapping[str, Any]],
    subject: str,
) -> list[Stage]:
    """From the source to `subject`; `facts` are what each pass recorded. Of several models that a step takes it is the one that it handed on (the candidate
    that `select` chose), else the first: a teacher stands beside the way."""
    found: list[Stage] = []
    name: str | None = subject
    while name is not None:
        step = graph.steps[name].pass_name
        proven = facts.get(name, {}).get("logits_max_difference")
        found.append(Stage(name, step, artifacts[name], specs.get(name), proven))
        name = _before(graph, artifacts, name)
    return found[::-1]


def _before(graph: Graph, artifacts: Mapping[str, Artifact], name: str) -> str | None:
    models = [need for need in graph.steps[name].needs if not issubclass(graph.steps[need].output, Data)]
    same = [need for need in models if artifacts[need].digest == artifacts[name].digest]
    return next(iter([*same, *models]), None)
