"""What a build keeps of a measured value for the builds that come after it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infopt_compiler.budget.interval import Interval, finite


@dataclass(frozen=True)
class Spread:
    """A value and its limits at several confidences (one-sided each), in base units.

    Two builds are two runs: to compare them at 95%, each side's limits must hold with 97.5%, which the interval of
    the report does not give. Hence several.
    """

    value: float
    limits: Mapping[float, tuple[float, float]]

    def at(self, confidence: float) -> Interval | None:
        """The narrowest kept interval that holds with at least `confidence`; None where none was kept."""
        fits = [level for level in self.limits if level >= confidence - 1e-12]
        if not fits:
            return None
        low, high = self.limits[min(fits)]
        return Interval(self.value, low, high, min(fits), "as the earlier build measured it")

    def to_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "limits": [[level, *finite(*ends)] for level, ends in self.limits.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spread:
        limits = {
            level: (-math.inf if low is None else low, math.inf if high is None else high)
            for level, low, high in data["limits"]
        }
        return cls(data["value"], limits)


@dataclass(frozen=True)
class Earlier:
    """What the newest earlier build measured: of the artifact `digest`, when, at which commit."""

    spread: Spread
    digest: str
    started: str
    commit: str | None = None

    @property
    def text(self) -> str:
        """`build of 2026-11-25T00:36:14+00:00 (1856711)`."""
        return f"build of {self.started}" + (f" ({self.commit[:7]})" if self.commit else "")
