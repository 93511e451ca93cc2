"""What a worker is asked to do, as plain JSON in a file: a process boundary that anyone can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import KINDS, Artifact
from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.execute.options import ExecuteOptions
from infopt_compiler.graph import DataStep, Graph, ModelStep, PassStep, Step
from infopt_compiler.graph.instance import parameters_of
from infopt_compiler.measure.scenario import Scenario
from infopt_compiler.targets.model import Target


@dataclass(frozen=True)
class Job:
    """`kind`: model, data or pass. `work` is plain data of that kind; `parent` the process that wants the result."""

    kind: str
    name: str
    work: dict[str, Any]
    staging: str
    scratch: str
    threads: int
    seed: int
    target: dict[str, Any]
    parent: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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


def read_input(data: Any) -> Artifact | Scenario | tuple[Any, ...] | None:
    """The handle that `work_of` wrote."""
    if data is None:
        return None
    if isinstance(data, list):
        return tuple(read_input(item) for item in data)
    if "scenario" in data:
        return Scenario(**data["scenario"])
    return KINDS[data["kind"]](Path(data["path"]), data["digest"])


def make_job(
    graph: Graph,
    step: Step,
    inputs: Mapping[str, Entry],
    folders: tuple[Path, Path],
    target: Target,
    options: ExecuteOptions,
    parent: int,
) -> Job:
    """The job of a step; `folders` are staging and scratch."""
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
    )
