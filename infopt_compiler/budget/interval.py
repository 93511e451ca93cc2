"""A measured or predicted value and what is known of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Interval:
    """`low` and `high` each hold with `confidence` by themselves (one-sided limits), in base units.

    `value` is None where the samples do not suffice for the quantity (a p99 of 60 requests); a limit that the
    samples cannot give is infinite. `estimator` says in words how value and limits came about. `samples` counts
    requests, gaps or tokens; `blocks` fresh processes (timings) or clusters of text (quality).
    """

    value: float | None
    low: float
    high: float
    confidence: float = 1.0
    estimator: str = "exact"
    samples: int = 1
    blocks: int = 1
    note: str | None = None

    @classmethod
    def exact(cls, value: float, estimator: str = "exact") -> Interval:
        """A quantity that does not vary, such as bytes on disk: zero width."""
        return cls(value, value, value, estimator=estimator)

    @classmethod
    def unknown(cls, note: str, *, samples: int = 0, blocks: int = 0, confidence: float = 0.0) -> Interval:
        """Nothing can be said; `note` says why."""
        return cls(None, -math.inf, math.inf, confidence, "none", samples, blocks, note)

    def scaled(self, factor: float) -> Interval:
        """Value and limits times a factor that is known and positive."""
        value = None if self.value is None else self.value * factor
        return replace(self, value=value, low=self.low * factor, high=self.high * factor)

    def inverted(self, numerator: float = 1.0) -> Interval:
        """`numerator` / the interval, for positive quantities (cost from throughput)."""
        value = None if not self.value else numerator / self.value
        low = 0.0 if math.isinf(self.high) else numerator / self.high
        high = numerator / self.low if self.low > 0 else math.inf
        return replace(self, value=value, low=low, high=high)

    def hull(self, other: Interval) -> Interval:
        """This interval widened to contain the other's limits."""
        return replace(self, low=min(self.low, other.low), high=max(self.high, other.high))


def finite(*limits: float) -> list[float | None]:
    """Limits as JSON holds them: null for one that is infinite."""
    return [limit if math.isfinite(limit) else None for limit in limits]
