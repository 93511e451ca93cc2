"""The shapes and formats of every model of a graph before it is made, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from infopt_compiler.artifacts import Data, HFModel, ModelSpec
from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.artifacts.model_spec import Served
from infopt_compiler.graph import Graph, ModelStep, PassStep, Step
from infopt_compiler.sources.identity import peek_spec
from infopt_compiler.targets.model import Target


def plan_specs(graph: Graph, cached: Mapping[str, Entry], target: Target) -> dict[str, ModelSpec | None]:
    """Step → the spec of the model that it makes for the target; None while it is unknown, and for data."""
    specs: dict[str, ModelSpec | None] = {}
    for step in graph.steps.values():
        specs[step.name] = _spec(graph, step, cached.get(step.name), specs, target)
    return specs


def shaping_first(inputs: Mapping[str, tuple[str, ...]], shaped_by: str | None) -> Iterator[tuple[str, ...]]:
    """The bindings of each argument in order, those of the argument that shapes the output in front."""
    if shaped_by is not None and shaped_by in inputs:
        yield inputs[shaped_by]
    yield from (names for argument, names in inputs.items() if argument != shaped_by)


def input_spec(graph: Graph, step: Step, specs: Mapping[str, ModelSpec | None]) -> ModelSpec | None:
    """The spec of the first model that comes in, or of the one that shapes the output; among candidates the one of the
    fewest weights, which `select` tries first."""
    for names in shaping_first(step.inputs, step.instance.shaped_by if isinstance(step, PassStep) else None):
        models = [name for name in names if not issubclass(graph.steps[name].output, Data)]
        known = [spec for name in models if (spec := specs[name]) is not None]
        if models:
            return min(known, key=lambda spec: spec.weight_bytes) if len(known) == len(models) else None
    return None


def _spec(
    graph: Graph, step: Step, entry: Entry | None, specs: Mapping[str, ModelSpec | None], target: Target
) -> ModelSpec | None:
    if entry is not None and step.output is HFModel:
        try:
            return ModelSpec.from_folder(entry.files)
        except (OSError, ValueError, KeyError):
            return None
    if isinstance(step, ModelStep):
        return peek_spec(step.declaration.source, graph.base)
    if isinstance(step, PassStep):
        incoming = input_spec(graph, step, specs)
        if incoming is None:
            return None
        spec = step.instance.settle(incoming, target, step.scenarios)
        chosen = Served.from_folder(entry.files) if entry is not None else None
        return spec if chosen is None else replace(spec, served=chosen)
    return None
