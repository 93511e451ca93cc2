"""What one evaluation is about (`Job`), and what an instrument answers (`Reading`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from infopt_compiler.artifacts import Artifact, ModelSpec, TaskData, TextData
from infopt_compiler.budget import Basis, Bound, BoundSeverity, Earlier, Interval
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.attribution.stages import Stage
from infopt_compiler.measure.records import MemoryRecords, Records, library_versions, quality_key, timing_key
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.metrics import Needs
from infopt_compiler.progress import Progress, no_progress
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target

Figure = tuple[str, str | None, str | None]  # see `Bound.figure`
Own = Callable[[float], Interval]  # confidence → the interval of the subject's own value


@dataclass(frozen=True, kw_only=True)
class Job:
    """`artifacts`, `specs`, `data` and `tasks` hold what the bounds name, by binding; `name` is the subject's binding.

    On a target that is not here (`target.here`) requests are not run: their metrics are predicted and marked so.
    `distillation`: what `distill` recorded on the way to the subject, None where it was not distilled.
    `earlier`: what the newest earlier build measured, by `Bound.figure`; None where the history cannot be read.
    `way`: the stages from a source to the subject, whose effects are attributed after the budget is judged.
    """

    name: str
    subject: Artifact
    bounds: Sequence[Bound]
    target: Target
    settings: MeasureSettings
    spec: ModelSpec | None = None
    scenario: Scenario | None = None
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    specs: Mapping[str, ModelSpec] = field(default_factory=dict)
    data: Mapping[str, TextData] = field(default_factory=dict)
    tasks: Mapping[str, TaskData] = field(default_factory=dict)
    records: Records = field(default_factory=MemoryRecords)
    progress: Progress = no_progress
    earlier: Mapping[Figure, Earlier] | None = field(default_factory=dict)
    distillation: Mapping[str, Any] | None = None
    way: Sequence[Stage] = ()

    def in_phase(self, name: str) -> Job:
        """The same job, whose progress says in which phase of measuring it is: `requests · serving chat`."""

        def progress(done: float, total: float, message: str) -> None:
            self.progress(done, total, f"{name} · {message}")

        return replace(self, progress=progress)

    def needing(self, needs: Needs) -> list[Bound]:
        return [bound for bound in self.bounds if bound.definition.needs is needs]

    def of(self, metrics: frozenset[str]) -> list[Bound]:
        """The bounds on these metrics."""
        return [bound for bound in self.bounds if bound.metric in metrics]

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

    @property
    def drawn(self) -> dict[str, int]:
        """How often text is resampled, and the seed of it."""
        return {"resamples": self.settings.resamples, "seed": self.settings.seed}

    @property
    def libraries(self) -> dict[str, str]:
        """Versions of those that what is measured depends on."""
        return library_versions()

    def text_key(
        self, artifact: Artifact, reference: Artifact | None, data: TextData, *, all: bool = False
    ) -> str:
        """Of a record of an artifact on a text: on the settings' windows, or on `all` of it."""
        return quality_key(artifact, reference, data, 0 if all else self.settings.windows)

    def timing_key(self, variants: Mapping[str, Artifact], scenario: Scenario, asked: Sequence[str]) -> str:
        """Of a record of requests to all of them; `asked`: what decides how long is sampled."""
        texts = self.data.get(scenario.prompts or "")
        return timing_key(variants, scenario, self.settings, list(asked), texts)

    def remembered(self, key: str, bound: Bound, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The record of that key; else what `make` gives, which is recorded. A failure names the bound's place."""
        known = self.records.record(key)
        if known is None:
            with at(bound):
                known = make()
            self.records.put_record(key, known)
        return known


@contextmanager
def at(bound: Bound) -> Iterator[None]:
    """Diagnostics of what is done for a bound have its place in the recipe."""
    try:
        yield
    except DiagnosticError as failure:
        raise DiagnosticError(
            *(replace(found, span=found.span or bound.span) for found in failure.diagnostics)
        ) from None


@dataclass(frozen=True)
class Shown:
    """A value for the report, with or without a bound: `name` with its aggregate. Without a `subject` it is the subject's own,
    which builds to come are held to. `unknown`: it is shown, with its note, even where the samples gave no value."""

    name: str
    own: Own
    subject: str | None = None
    on: str | None = None
    reference: str | None = None
    scenario: str | None = None
    unknown: bool = False


@dataclass(frozen=True)
class Details:
    """What a reading has to say besides values: keys of a row of `measured` in report.json (`breakdown`), of the environment,
    and the windows or sentences that came out worst, by what they were compared on."""

    breakdown: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    worst: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Reading(ABC):
    """What an instrument found for the bounds of a job."""

    basis: ClassVar[Basis] = Basis.measured

    @abstractmethod
    def own(self, bound: Bound) -> Own:
        """The subject's own value of the bound's metric, at any confidence."""

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        """The value over that of the model that the limit is relative to, and that model's own value."""
        help = "state the limit itself: the metric compares with a reference already"
        message = f"`{bound.name}` cannot be a share of another"
        raise DiagnosticError(error("E0909", message, bound.span, help=help))

    def shown(self) -> Iterator[Shown]:
        """Every value that a report shows."""
        yield from ()

    def details(self) -> Details:
        return Details()


class Instrument(Protocol):
    """A way of measuring."""

    phase: str  # of measuring a budget, as progress calls it
    metrics: frozenset[str]  # keys of METRICS

    def check(self, job: Job) -> None:
        """DiagnosticError (E0909) where a bound cannot be measured; before anything is."""

    def measure(self, job: Job) -> Reading | None:
        """What all bounds on its metrics need, each once; None where nothing is to be measured. DiagnosticError E0902 to E0910."""


def label(metric: str, aggregate: str | None) -> str:
    """`ttft.p95`"""
    return f"{metric}.{aggregate}" if aggregate else metric
