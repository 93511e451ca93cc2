"""What an evaluation found: verdicts, and every value that was measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.budget import Basis, BoundResult, Interval, Spread, base_unit, finite
from infopt_compiler.metrics import METRICS, metric_of


@dataclass(frozen=True)
class Value:
    """A value with or without a bound; `on` the data, `reference` what it compares with; `spread` for builds to come."""

    metric: str
    subject: str
    interval: Interval
    basis: Basis = Basis.measured
    scenario: str | None = None
    on: str | None = None
    reference: str | None = None
    spread: Spread | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "subject": self.subject,
            "reference": self.reference,
            "scenario": self.scenario,
            "on": self.on,
            "unit": base_unit(METRICS[metric_of(self.metric)].dimension),
            "value": self.interval.value,
            "interval": finite(self.interval.low, self.interval.high),
            "confidence": self.interval.confidence,
            "estimator": self.interval.estimator,
            "samples": self.interval.samples,
            "blocks": self.interval.blocks,
            "basis": self.basis.value,
            "note": self.interval.note,
        }


@dataclass(frozen=True)
class Evaluation:
    """`results` are in the order of the bounds. `worst_windows` by data. `environment`: runtimes, versions,
    machine, policies, what was reused. `breakdown`: samples, timeline, memory, roofline, and `attribution`: what each pass
    did, as report.json has them."""

    results: list[BoundResult]
    values: list[Value] = field(default_factory=list)
    worst_windows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    breakdown: dict[str, Any] = field(default_factory=dict)
    attribution: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str, subject: str | None = None) -> Interval | None:
        """`value("tpot.p50")`: the first interval of that name (and subject)."""
        fits: Sequence[Value] = [v for v in self.values if v.metric == name and subject in (None, v.subject)]
        return fits[0].interval if fits else None
