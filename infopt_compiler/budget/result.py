"""One bound, what was found, and the verdict: a row of the report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from infopt_compiler.budget.bound import Bound, BoundSeverity
from infopt_compiler.budget.interval import Interval, finite
from infopt_compiler.budget.spread import Spread
from infopt_compiler.units import UNITS, Dimension, human


class Verdict(str, Enum):
    met = "met"
    missed = "missed"
    inconclusive = "inconclusive"
    predicted = "predicted"  # not measured: the target is another machine
    baseline = "baseline"  # measured, and not judged: there is no earlier build to compare with


class Basis(str, Enum):
    measured = "measured"
    predicted = "predicted"


@dataclass(frozen=True)
class BoundResult:
    """`limit` and `interval` are in base units (s, B, tok/s, nats, 1). `limit` is None where the reference gave no value.

    `limit_raw` is the limit as written (`600 ms`, `105% of base`); `point_holds` whether the point value satisfies
    the bound, None without a value. `ratio`: value over the reference's value, for relative bounds. `spread`: the
    subject's own value, for builds to come; in the history, not in the report.
    """

    bound: Bound
    subject: str
    scenario: str | None
    limit: float | None
    interval: Interval
    basis: Basis
    verdict: Verdict
    point_holds: bool | None = None
    ratio: float | None = None
    note: str | None = None
    spread: Spread | None = None

    @property
    def metric(self) -> str:
        return self.bound.name

    @property
    def severity(self) -> BoundSeverity:
        return self.bound.severity

    @property
    def limit_raw(self) -> str:
        text = str(self.bound.limit)
        return f"{text} of {self.bound.relative_to}" if self.bound.relative_to else text

    @property
    def reference(self) -> str | None:
        return self.bound.reference or self.bound.relative_to

    @property
    def nearest(self) -> float | None:
        """The value; where the samples gave none, the limit of the interval that is nearest to meeting the bound."""
        if self.interval.value is not None:
            return self.interval.value
        end = self.interval.low if self.bound.is_upper else self.interval.high
        return end if math.isfinite(end) else None

    @property
    def margin(self) -> float | None:
        """How far the value is inside its limit, as a fraction of the limit; negative: missed by (at least) that much."""
        if self.nearest is None or not self.limit:
            return None
        distance = self.limit - self.nearest
        if self.interval.value is None and self.verdict is not Verdict.missed:
            return None  # the near end of an open interval says nothing unless even that end is outside
        return (distance if self.bound.is_upper else -distance) / abs(self.limit)

    @property
    def text(self) -> str:
        """`16.2 ms of 12 ms: 35.0% over`, for people; `at least` where only one end of the interval is known."""
        dimension = self.bound.definition.dimension
        limit = "no limit" if self.limit is None else human(self.limit, dimension)
        if self.nearest is None or self.margin is None:
            known = self.interval.value is not None
            return f"{human(self.interval.value or 0.0, dimension) if known else 'no value'} of {limit}"
        least = "" if self.interval.value is not None else "at least " if self.bound.is_upper else "at most "
        side = "over" if self.bound.is_upper else "under"
        distance = f"{self.margin:.1%} to spare" if self.margin >= 0 else f"{-self.margin:.1%} {side}"
        return f"{least}{human(self.nearest, dimension)} of {limit}: {distance}"

    def to_json(self) -> dict[str, Any]:
        """A row of `bounds` in report.json; infinite limits are null."""
        interval, span = self.interval, self.bound.span
        return {
            "metric": self.metric,
            "subject": self.subject,
            "reference": self.reference,
            "scenario": self.scenario,
            "on": self.bound.on,
            "operator": self.bound.operator.value,
            "limit": self.limit,
            "limit_raw": self.limit_raw,
            "at": self.bound.confidence,
            "unit": base_unit(self.bound.definition.dimension),
            "value": interval.value,
            "interval": finite(interval.low, interval.high),
            "confidence": interval.confidence,
            "estimator": interval.estimator,
            "samples": interval.samples,
            "blocks": interval.blocks,
            "basis": self.basis.value,
            "verdict": self.verdict.value,
            "predicted_meets": self.point_holds if self.basis is Basis.predicted else None,
            "severity": self.severity.value,
            "margin": self.margin,
            "ratio": self.ratio,
            "note": self.note,
            "span": None
            if span is None
            else {"file": span.input.name, "line": span.line, "column": span.column, "text": span.text},
        }


def base_unit(dimension: Dimension) -> str:
    """The name of a dimension's base unit; empty for fractions and plain numbers."""
    if dimension in (Dimension.fraction, Dimension.number):
        return ""
    return next(u.name for u in UNITS.values() if u.dimension is dimension and u.scale == 1.0)
