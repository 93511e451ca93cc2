"""From a step of the graph to the job of its worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.execute.job import Job
from infopt_compiler.execute.options import ExecuteOptions
from infopt_compiler.graph import DataStep, Graph, ModelStep, PassStep, Step
from infopt_compiler.passes.instance import parameters_of
from infopt_compiler.targets.model import Target


def work_of(graph: Graph, step: Step, inputs: Mapping[str, Entry]) -> dict[str, Any]:
    """The part of a job that depends on the kind of step."""
    if isinstance(step, ModelStep):
        return {"source": step.declaration.source, "base": str(graph.base)}
    if isinstance(step, DataStep):
        data = step.declaration
        share = [data.start, data.stop]
        return {
            "source": data.source,
            "base": str(graph.base),
            "field": data.field,
            "share": share,
            "spec": asdict(data.spec),
        }
    assert isinstance(step, PassStep)
    return {
        "module": type(step.instance).__module__,
        "pass": step.instance.name,
        "parameters": parameters_of(step.instance),
        "output": step.output.kind,
        "inputs": {argument: _given(step, argument, inputs) for argument in step.instance.inputs},
    }


def _given(step: PassStep, argument: str, inputs: Mapping[str, Entry]) -> Any:
    if argument in step.scenarios:
        return {"scenario": asdict(step.scenarios[argument])}
    handles = [_handle(inputs[name]) for name in step.inputs.get(argument, ())]
    if argument in step.variadic:
        return handles
    return handles[0] if handles else None


def _handle(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.made.kind, "path": str(entry.files), "digest": entry.digest}


def make_job(
    graph: Graph,
    step: Step,
    inputs: Mapping[str, Entry],
    folders: tuple[Path, Path],
    target: Target,
    options: ExecuteOptions,
    parent: int,
    earlier: Entry | None = None,
) -> Job:
    """The job of a step; `folders` are staging and scratch, `earlier` a result that is taken up again."""
    staging, scratch = map(str, folders)
    work = work_of(graph, step, inputs)
    return Job(
        step.kind,
        step.name,
        work,
        staging,
        scratch,
        options.thread_count,
        options.seed,
        asdict(target),
        parent,
        None if earlier is None else {"path": str(earlier.files), "facts": earlier.made.facts},
    )
