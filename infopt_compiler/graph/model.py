"""The graph: one step per binding, in an order in which every step comes after what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact, HFModel, TaskData, TextData
from infopt_compiler.diagnostics import Span
from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.instance import parameters_of
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import DataDecl, ModelDecl


@dataclass(frozen=True)
class Step:
    """What makes one binding. `inputs`: argument → names of steps; `scenarios`: argument → scenario."""

    name: str
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    span: Span | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        """`model`, `data` or `pass`."""
        raise TypeError("a step is one of its subclasses")

    @property
    def pass_name(self) -> str:
        """The pass, or what stands for one: `import` for models, `text` or `task` for data."""
        raise TypeError("a step is one of its subclasses")

    @property
    def output(self) -> type[Artifact]:
        raise TypeError("a step is one of its subclasses")

    @property
    def needs(self) -> Iterator[str]:
        """Names of all steps that this one takes."""
        for names in self.inputs.values():
            yield from names


@dataclass(frozen=True)
class ModelStep(Step):
    declaration: ModelDecl = field(kw_only=True)
    kind = "model"
    pass_name = "import"
    output = HFModel


@dataclass(frozen=True)
class DataStep(Step):
    declaration: DataDecl = field(kw_only=True)
    kind = "data"

    @property
    def pass_name(self) -> str:
        return "task" if self.declaration.is_task else "text"

    @property
    def output(self) -> type[Artifact]:
        return TaskData if self.declaration.is_task else TextData


@dataclass(frozen=True)
class PassStep(Step):
    """`instance` holds the parameters; `variadic` names the arguments that take a tuple of artifacts; `made` is the
    kind that comes out for these inputs."""

    instance: Pass = field(kw_only=True)
    variadic: frozenset[str] = frozenset()
    made: type[Artifact] | None = None
    kind = "pass"

    @property
    def pass_name(self) -> str:
        return self.instance.name

    @property
    def output(self) -> type[Artifact]:
        return self.made or self.instance.output


@dataclass(frozen=True)
class Graph:
    """Steps in topological order. `base` is the folder of the recipe, which `file:` paths are relative to."""

    recipe: str
    steps: dict[str, Step]
    shipped: tuple[str, ...]
    base: Path

    @property
    def identity(self) -> str:
        """The recipe's file without its ending: recipes of one name in other folders are others."""
        return (self.base / self.recipe).as_posix()

    def downstream(self, name: str) -> list[str]:
        """The steps that depend on `name`, in order."""
        reached = {name}
        for step in self.steps.values():
            if any(need in reached for need in step.needs):
                reached.add(step.name)
        return [step for step in self.steps if step in reached and step != name]

    def to_json(self) -> dict[str, Any]:
        return {"steps": [_step_json(step) for step in self.steps.values()], "shipped": list(self.shipped)}

    def mermaid(self) -> str:
        """The graph as Mermaid text, top to bottom; what ships has a double border."""
        lines = ["graph TD"]
        for step in self.steps.values():
            label = f'"{step.name}<br/>{step.pass_name}"'
            lines.append(
                f"  {step.name}[[{label}]]" if step.name in self.shipped else f"  {step.name}[{label}]"
            )
        for step in self.steps.values():
            lines += [
                f"  {need} -->|{argument}| {step.name}"
                for argument, names in step.inputs.items()
                for need in names
            ]
        return "\n".join(lines) + "\n"


def _step_json(step: Step) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": step.name,
        "kind": step.kind,
        "pass": step.pass_name,
        "output": step.output.kind,
        "inputs": {argument: list(names) for argument, names in step.inputs.items()},
        "scenarios": {argument: scenario.name for argument, scenario in step.scenarios.items()},
    }
    if isinstance(step, PassStep):
        data["parameters"] = parameters_of(step.instance)
    elif isinstance(step, ModelStep | DataStep):
        data["source"] = step.declaration.source
    if isinstance(step, DataStep):
        cut = step.declaration
        data["parameters"] = {"start": cut.start, "stop": cut.stop, "field": cut.field, **asdict(cut.spec)}
    return data
