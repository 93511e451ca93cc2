"""Cache keys: the SHA-256 of everything that shapes a step's output, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.graph.model import DataStep, Graph, ModelStep, PassStep, Step
from infopt_compiler.passes.instance import parameters_of
from infopt_compiler.sources.identity import (
    DATA_IMPORT_VERSION,
    MODEL_IMPORT_VERSION,
    data_identity,
    model_identity,
)
from infopt_compiler.targets.machine import machine_digest
from infopt_compiler.targets.model import Target

_MODEL_LIBRARIES = ("transformers", "gguf")


@dataclass(frozen=True)
class Key:
    """`digest` is the key, `material` the plain data that it is the digest of (`explain` compares it)."""

    digest: str
    material: dict[str, Any]


def step_key(graph: Graph, step: Step, inputs: Mapping[str, Entry], target: Target, seed: int) -> Key:
    """The key of a step whose inputs (step name → entry) are made. SourceError where a source cannot be identified.

    The machine's identity enters where the pass is bound to it or an input's key holds it: a timing, and what was
    chosen by timing, is never reused on another machine.
    """
    if isinstance(step, ModelStep):
        material = _model_material(graph, step)
    elif isinstance(step, DataStep):
        material = _data_material(graph, step)
    else:
        assert isinstance(step, PassStep)
        material = _pass_material(step, inputs, target, seed)
    return Key(digest_json(material), material)


def _model_material(graph: Graph, step: ModelStep) -> dict[str, Any]:
    return {
        "pass": step.pass_name,
        "version": MODEL_IMPORT_VERSION,
        "parameters": model_identity(step.declaration.source, graph.base),
        "libraries": library_versions(_MODEL_LIBRARIES),
    }


def _data_material(graph: Graph, step: DataStep) -> dict[str, Any]:
    data = step.declaration
    shape = {"start": data.start, "stop": data.stop, "field": data.field, **asdict(data.spec)}
    return {
        "pass": step.pass_name,
        "version": DATA_IMPORT_VERSION,
        "parameters": {**data_identity(data.source, graph.base), **shape},
    }


def _pass_material(step: PassStep, inputs: Mapping[str, Entry], target: Target, seed: int) -> dict[str, Any]:
    instance = step.instance
    material: dict[str, Any] = {
        "pass": instance.name,
        "version": instance.version,
        "parameters": parameters_of(instance),
        "inputs": {
            argument: [inputs[name].digest for name in names] for argument, names in step.inputs.items()
        },
        "scenarios": {argument: _scenario(scenario) for argument, scenario in step.scenarios.items()},
        "libraries": library_versions(instance.shaping_libraries()),
        "seed": seed,
    }
    if instance.target_fields:
        material["target"] = {name: getattr(target, name) for name in instance.target_fields}
    bound = any("machine" in inputs[name].made.material for name in step.needs)
    if instance.machine_bound or bound:
        material["machine"] = machine_digest()
    return material


def _scenario(scenario: Any) -> dict[str, Any]:
    """Its numbers; what it is called shapes nothing."""
    return {name: value for name, value in asdict(scenario).items() if name != "name"}


def library_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of distributions; `absent` where one is not installed."""
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
