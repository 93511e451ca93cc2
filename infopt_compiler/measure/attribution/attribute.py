"""Attribution: what each pass on the way to what ships did to quality, size, memory and speed.

Intermediate artifacts are measured after the budget, cheaply and within `attribution_seconds`: size exactly, quality on
the windows of the budget's first text, requests in a few blocks that take turns. What is not known says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.measure.attribution.quality import quality_points
from infopt_compiler.measure.attribution.served import served_points
from infopt_compiler.measure.attribution.stages import Clock, Point, Stage
from infopt_compiler.measure.job import Job, Reading

Points = dict[str, list[Point]]


def attribute(job: Job, readings: Sequence[Reading]) -> dict[str, Any]:
    """The entry of report.json's `attribution` for one budget; empty with fewer than two stages. Raises nothing of its own:
    what cannot be measured says so in its note."""
    stages = job.way
    if len(stages) < 2:
        return {}
    clock = Clock(job.settings.attribution_seconds if job.settings.attribution else 0.0)
    points: Points = {"size": [_size(stage) for stage in stages]}
    served = served_points(job, stages, readings, clock)  # first: it takes the least
    on, found = quality_points(job, stages, readings, clock)
    points |= found
    points |= served
    return {
        "subject": job.name,
        "on": on,
        "scenario": job.scenario.name if job.scenario else None,
        "metrics": list(points),
        "steps": steps(stages, points),
        "seconds": round(clock.spent, 3),
        "limit_seconds": clock.seconds,
    }


def steps(stages: Sequence[Stage], points: Points) -> list[dict[str, Any]]:
    """A row per stage; `before` is the last known value in front of it, and a change that several passes share says so. A measured
    value follows a measured one and a predicted one a predicted one: the difference of two kinds is the error of the prediction."""
    rows: list[dict[str, Any]] = [
        {"name": stage.name, "pass": stage.pass_name, "kind": stage.artifact.kind, "values": {}}
        for stage in stages
    ]
    for metric, found in points.items():
        measured, predicted = _Last(), _Last()
        for row, point in zip(rows, found, strict=True):
            own = predicted if point.basis == "predicted" else measured
            if point.value is None and measured.point is None:
                own = predicted
            row["values"][metric] = _value(own, point)
            measured.over(row["name"])
            predicted.over(row["name"])
            if point.value is not None:
                own.point, own.passed = point, []
                if own is measured:
                    predicted.point = None
    return rows


@dataclass
class _Last:
    """The last value of one kind, and the stages since then that have none of it."""

    point: Point | None = None
    passed: list[str] = field(default_factory=list)

    def over(self, name: str) -> None:
        self.passed = [*self.passed, name]


def _value(last: _Last, point: Point) -> dict[str, Any]:
    booked = point.value is not None and last.point is not None
    shared = last.passed if booked else []
    notes = [f"together with {', '.join(f'`{name}`' for name in shared)}"] if shared else []
    notes += [point.note] if point.note else []
    return {
        "before": last.point.value if last.point else None,
        "after": point.value,
        "low": _limit(point.low),
        "high": _limit(point.high),
        "basis": point.basis,
        "with": shared,
        "note": "; ".join(notes) or None,
    }


def _limit(end: float | None) -> float | None:
    """As JSON holds it: few windows leave an end open."""
    return end if end is not None and math.isfinite(end) else None


def _size(stage: Stage) -> Point:
    return Point(float(stage.artifact.size_bytes), "exact")
