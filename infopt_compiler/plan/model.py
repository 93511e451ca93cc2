"""What a build would do: plain data. Printing it belongs to the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from infopt_compiler.diagnostics import Span
from infopt_compiler.passes.base import Outline
from infopt_compiler.targets import Predicted, SeenError


class State(str, Enum):
    cached = "cached"
    run = "run"  # nothing in the store fits
    provisional = "provisional"  # the store has a result that is not final: it is taken up again
    follows = "follows"  # an input is made anew; equal bytes of it would end the rebuild there


class Outlook(str, Enum):
    """What the prediction says of a bound. Only `unreachable` is a proof, and only against the bound."""

    meets = "meets"
    misses = "misses"
    unreachable = "out of reach"
    unknown = "unknown"


@dataclass(frozen=True)
class PlanStep:
    """One step. `because` says why it is not cached; the estimates are None while the model is not known, and for
    a cached step what it took when it was made. `seen`: how far off estimates of this pass were, by quantity."""

    name: str
    pass_name: str
    kind: str
    state: State
    because: tuple[str, ...] = ()
    seconds: float | None = None
    peak_rss_bytes: float | None = None
    disk_bytes: float | None = None
    digest: str | None = None
    seen: Mapping[str, SeenError] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanBound:
    """One bound. Values are in the metric's base unit; `low` and `high` span the prediction's uncertainty, and are equal where
    the artifact is in the store and the value a fact; `floor` is what nothing can beat; `limit` is absolute (a relative limit times the predicted reference, None if unknown)."""

    budget: str
    subject: str
    metric: str
    text: str
    severity: str
    outlook: Outlook
    why: str
    limit: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    span: Span | None = field(default=None, compare=False)
    seen: SeenError | None = None


@dataclass(frozen=True)
class Plan:
    """`seconds`, `disk_bytes`: sums over the steps to run, `peak_rss_bytes`: their maximum; None where one is unknown.
    `measure_seconds`: at most this for measuring. `outlines`: what passes say of their own, by binding. `predicted`: by budget
    every metric of its subject that arithmetic gives, which the report holds against what is measured."""

    recipe: str
    target: str
    steps: tuple[PlanStep, ...]
    bounds: tuple[PlanBound, ...]
    measure_seconds: float = 0.0
    outlines: Mapping[str, Outline] = field(default_factory=dict)
    predicted: Mapping[str, Mapping[str, Predicted]] = field(default_factory=dict)

    @property
    def to_run(self) -> tuple[PlanStep, ...]:
        return tuple(step for step in self.steps if step.state is not State.cached)

    @property
    def seconds(self) -> float | None:
        return _total(step.seconds for step in self.to_run)

    @property
    def disk_bytes(self) -> float | None:
        return _total(step.disk_bytes for step in self.to_run)

    @property
    def peak_rss_bytes(self) -> float | None:
        peaks = [step.peak_rss_bytes for step in self.to_run]
        known = [peak for peak in peaks if peak is not None]
        return None if len(known) < len(peaks) else max(known, default=0.0)

    def expected(self, budgets: Iterable[str]) -> dict[str, float | None]:
        """Seconds of each step in order, cached ones 0, then of measuring each budget, at most."""
        names = [f"budget {name}" for name in budgets]
        steps = {step.name: 0.0 if step.state is State.cached else step.seconds for step in self.steps}
        return {**steps, **dict.fromkeys(names, self.measure_seconds / max(1, len(names)))}

    @property
    def unreachable(self) -> tuple[PlanBound, ...]:
        return tuple(bound for bound in self.bounds if bound.outlook is Outlook.unreachable)

    def to_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe,
            "target": self.target,
            "seconds": self.seconds,
            "measure_seconds": self.measure_seconds,
            "peak_rss_bytes": self.peak_rss_bytes,
            "disk_bytes": self.disk_bytes,
            "steps": [_plain(step) for step in self.steps],
            "bounds": [_plain(bound) for bound in self.bounds],
            "outlines": {
                name: {"notes": list(said.notes), **said.data} for name, said in self.outlines.items()
            },
            "predicted": {
                budget: {metric: [one.value, one.low, one.high] for metric, one in found.items()}
                for budget, found in self.predicted.items()
            },
        }


def _total(values: Any) -> float | None:
    known = list(values)
    return None if None in known else float(sum(known))


def _plain(row: PlanStep | PlanBound) -> dict[str, Any]:
    data = {name: value.value if isinstance(value, Enum) else value for name, value in row.__dict__.items()}
    if isinstance(row, PlanBound):
        data["seen"] = asdict(row.seen) if row.seen else None
    else:
        data["seen"] = {quantity: asdict(seen) for quantity, seen in row.seen.items()}
    if "span" in data:
        data["span"] = str(data["span"]) if data["span"] is not None else None
    if "pass_name" in data:
        data["pass"] = data.pop("pass_name")
    return data
