"""A checked recipe: plain typed values, every name resolved. What `check` gives and everything later takes."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.budget.bound import Bound
from infopt_compiler.diagnostics import Input, Span
from infopt_compiler.scenario import Scenario
from infopt_compiler.sources import is_task


@dataclass(frozen=True)
class ModelDecl:
    """`model NAME = "SOURCE"`."""

    name: str
    source: str
    span: Span | None = dataclass_field(default=None, compare=False)


@dataclass(frozen=True)
class DataDecl:
    """`data NAME = "SOURCE"` or a slice of another: `prose[0% .. 60%] { window = 512 tokens }`; `start`, `stop` are fractions of characters.

    `source` is always the root source text, slices of slices composed. `field` is the key of a jsonl line that holds the text.
    """

    name: str
    source: str
    start: float = 0.0
    stop: float = 1.0
    spec: DataSpec = DataSpec()
    field: str = "text"
    span: Span | None = dataclass_field(default=None, compare=False)

    @property
    def is_task(self) -> bool:
        return is_task(self.source)


@dataclass(frozen=True)
class Node:
    """`NAME = PASS(inputs, parameters)`.

    `inputs`: argument → names of bindings (models, data, passes, scenarios), in order; absent optional ones are left out.
    `parameters`: field → plain value (bool, int, float, str, list; quantities as canonical text; enums as their value),
    only those that the recipe or an override sets. `spans`: field or argument → where it is set.
    """

    name: str
    pass_name: str
    inputs: dict[str, tuple[str, ...]]
    parameters: dict[str, Any]
    spans: dict[str, Span] = dataclass_field(default_factory=dict, compare=False)
    span: Span | None = dataclass_field(default=None, compare=False)


@dataclass(frozen=True)
class Budget:
    """`budget SUBJECT [as NAME] [under SCENARIO] { bounds }`; `name` defaults to the subject."""

    name: str
    subject: str
    scenario: str | None
    bounds: tuple[Bound, ...]
    span: Span | None = dataclass_field(default=None, compare=False)


@dataclass(frozen=True)
class Program:
    """A whole recipe. Dicts keep the recipe's order. `target`, `measure`, `engine` name Hydra group options."""

    recipe: str  # stem of the file name
    models: dict[str, ModelDecl]
    data: dict[str, DataDecl]
    scenarios: dict[str, Scenario]
    nodes: dict[str, Node]
    budgets: dict[str, Budget]
    target: str = "cpu"
    measure: str = "standard"
    engine: str = "local"
    input: Input | None = dataclass_field(default=None, compare=False)

    @property
    def shipped(self) -> tuple[str, ...]:
        """Bindings that ship: the budgets' subjects, else the nodes that no other node takes."""
        subjects = tuple(dict.fromkeys(budget.subject for budget in self.budgets.values()))
        if subjects:
            return subjects
        taken = {name for node in self.nodes.values() for names in node.inputs.values() for name in names}
        return tuple(name for name in self.nodes if name not in taken)
