"""The way through the graph from a source to what ships: what attribution walks."""

from __future__ import annotations

from collections.abc import Mapping

from infopt_compiler.artifacts import Artifact, Data, ModelSpec
from infopt_compiler.graph import Graph
from infopt_compiler.measure.attribution.stages import Stage


def stages(
    graph: Graph, artifacts: Mapping[str, Artifact], specs: Mapping[str, ModelSpec | None], subject: str
) -> list[Stage]:
    """From the source to `subject`. Of several models that a step takes it is the one that it handed on (the candidate
    that `select` chose), else the first: a teacher stands beside the way."""
    found: list[Stage] = []
    name: str | None = subject
    while name is not None:
        found.append(Stage(name, graph.steps[name].pass_name, artifacts[name], specs.get(name)))
        name = _before(graph, artifacts, name)
    return found[::-1]


def _before(graph: Graph, artifacts: Mapping[str, Artifact], name: str) -> str | None:
    models = [need for need in graph.steps[name].needs if not issubclass(graph.steps[need].output, Data)]
    same = [need for need in models if artifacts[need].digest == artifacts[name].digest]
    return next(iter([*same, *models]), None)
