"""What one evaluation is about: the subject, its bounds, and everything that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.artifacts import Artifact, ModelSpec, TaskData, TextData
from infopt_compiler.budget import Bound, BoundSeverity, Earlier
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.records import Records
from infopt_compiler.measure.serving.latency import Progress
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.metrics import Needs
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target

Figure = tuple[str, str | None, str | None]  # see `Bound.figure`


@dataclass(frozen=True)
class Job:
    """`artifacts`, `specs`, `data` and `tasks` by binding; `name` is the subject's binding.

    `distillation`: what `distill` recorded on the way to the subject, None where it was not distilled.
    `earlier`: what the newest earlier build measured, by `Bound.figure`; None where the history cannot be read.
    """

    name: str
    subject: Artifact
    spec: ModelSpec | None
    bounds: Sequence[Bound]
    scenario: Scenario | None
    artifacts: Mapping[str, Artifact]
    specs: Mapping[str, ModelSpec]
    data: Mapping[str, TextData]
    target: Target
    settings: MeasureSettings
    records: Records
    progress: Progress
    earlier: Mapping[Figure, Earlier] | None = field(default_factory=dict)
    distillation: Mapping[str, Any] | None = None
    tasks: Mapping[str, TaskData] = field(default_factory=dict)

    def needing(self, needs: Needs) -> list[Bound]:
        return [bound for bound in self.bounds if bound.definition.needs is needs]

    def artifact(self, bound: Bound, name: str) -> Artifact:
        """The artifact of a binding that a bound names; DiagnosticError E0909 at the bound where there is none."""
        if name not in self.artifacts:
            raise DiagnosticError(error("E0909", f"there is no artifact of `{name}` to measure", bound.span))
        return self.artifacts[name]

    def text(self, bound: Bound) -> TextData:
        """The data of `on`; with none named, the only one there is."""
        names = [bound.on] if bound.on else list(self.data)
        if len(names) != 1 or names[0] not in self.data:
            message = f"`{bound.name}` needs text: name it"
            raise DiagnosticError(error("E0909", message, bound.span, help="write `on` and a data binding"))
        return self.data[names[0]]

    def task(self, bound: Bound) -> TaskData:
        """The task of `on`; DiagnosticError E0909 where it is none."""
        if bound.on is None or bound.on not in self.tasks:
            raise DiagnosticError(error("E0909", f"`{bound.name}` needs a task: name it", bound.span))
        return self.tasks[bound.on]

    def confidence(self, bound: Bound) -> float:
        """Of one bound by itself; with the setting `family` the error that is said is spent over all of them."""
        said = self.settings.confidence if bound.confidence is None else bound.confidence
        sampled = len(self.sampled) if self.settings.family else 1
        return 1 - (1 - said) / max(1, sampled)

    @property
    def sampled(self) -> list[Bound]:
        """The bounds that count and whose values come from samples."""
        needs = (*((Needs.scenario,) if self.target.here else ()), Needs.data, Needs.control)
        return [b for b in self.bounds if b.severity is BoundSeverity.error and b.definition.needs in needs]
