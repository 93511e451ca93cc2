"""Axes in the unit that people read, and texts of values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infopt_compiler.metrics import METRICS, Direction
from infopt_compiler.report.values import BIT, dimension_of, value_text
from infopt_compiler.units import UNITS, Dimension, human


@dataclass(frozen=True)
class Scale:
    """`factor` turns base units into `unit`s."""

    factor: float
    unit: str

    def __call__(self, value: float) -> float:
        return float(f"{value * self.factor:.6g}")

    def title(self, what: str) -> str:
        return f"{what} ({self.unit})" if self.unit else what


def scale_of(dimension: Dimension, values: Iterable[float]) -> Scale:
    """The unit in which the largest of the values is read."""
    largest = max((abs(value) for value in values), default=0.0)
    if dimension is Dimension.fraction:
        return Scale(100.0, "%")
    unit = human(largest, dimension).partition(" ")[2]
    return Scale(1 / UNITS[unit].scale, unit) if unit in UNITS else Scale(1.0, unit)


def metric_scale(metric: str, values: Iterable[float]) -> Scale:
    if metric.startswith("bits_"):
        return Scale(1 / BIT if metric == "bits_per_byte" else 1.0, "bits")
    return scale_of(dimension_of(metric), values)


def known(metric: str) -> bool:
    """Whether this version has the metric: a report of another one may hold more."""
    return metric in METRICS or metric.rpartition(".")[0] in METRICS


def lower_is_better(metric: str) -> bool:
    definition = METRICS.get(metric) or METRICS[metric.rpartition(".")[0]]
    return definition.direction is Direction.lower


def text_of(metric: str, value: float | None) -> str:
    """A value of a metric as the tables show it; of an unknown metric the number."""
    if value is None:
        return "–"
    return value_text({"metric": metric}, value) if known(metric) else f"{value:.4g}"


def seconds(value: float | None) -> str:
    return "–" if value is None else human(value, Dimension.time)


def size(value: float | None) -> str:
    return "–" if value is None else human(value, Dimension.bytes)


def decades(low: float, high: float, steps: tuple[float, ...] = (1.0,)) -> list[float]:
    """Ticks of a logarithmic axis: `steps` times the powers of ten from `low` to `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = (step * 10.0**power for power in powers for step in steps)
    return [float(f"{tick:.3g}") for tick in ticks if low * 0.999 <= tick <= high * 1.001]


def row_of(report: dict[str, Any], metric: str, subject: str | None = None) -> list[dict[str, Any]]:
    """The bounds on a metric (any aggregate of it), absolute limits only where they have a number."""
    return [
        bound
        for bound in report["bounds"]
        if bound["metric"].partition(".")[0] == metric.partition(".")[0]
        and bound.get("limit") is not None
        and subject in (None, bound["subject"])
    ]
