"""What the jobs of a sweep come to together: which is best, and which no other beats in both of two metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infopt_compiler.metrics import METRICS, Direction, Needs, metric_of
from infopt_compiler.report.markdown import escaped, table
from infopt_compiler.report.values import MARK, column_labels, metric_of_column, value_text

_BEST_FIRST = ("met", "predicted", "inconclusive", "missed", "failed")
_MOST_COLUMNS = 6  # of a terminal


@dataclass(frozen=True)
class SweepJob:
    """`report` is None where the job left none; `overrides` as the recipe writes them, those that were swept."""

    number: int
    overrides: str
    report: dict[str, Any] | None

    @property
    def verdict(self) -> str:
        return self.report["verdict"] if self.report else "no report"

    @cached_property
    def bounds(self) -> dict[str, dict[str, Any]]:
        """By the label of its column: two bounds on one metric are two columns."""
        bounds = self.report.get("bounds", []) if self.report else []
        return dict(zip(column_labels(bounds), bounds, strict=True))

    def value(self, column: str) -> float | None:
        """Of the bound, else as it was measured without one."""
        if column in self.bounds:
            return self.bounds[column]["value"]  # type: ignore[no-any-return]
        groups = (self.report or {}).get("measured", [])
        rows = (row for group in groups for row in group["values"] if row.get("subject") == group["subject"])
        return next((row["value"] for row in rows if row["metric"] == column), None)

    def cell(self, column: str) -> str:
        bound = self.bounds.get(column)
        return f"{value_text(bound, bound['value'], 3)} {MARK[bound['verdict']][0]}" if bound else "–"


@dataclass(frozen=True)
class Sweep:
    """`pair`: columns of two metrics that the jobs differ in, one where they differ in no second, none where they do not."""

    jobs: tuple[SweepJob, ...]
    pair: tuple[str, ...]
    best: SweepJob | None
    front: tuple[int, ...]

    @property
    def columns(self) -> list[str]:
        """All bounds that were judged, in the order of the recipe."""
        return list(dict.fromkeys(label for job in self.jobs for label in job.bounds))

    @property
    def shown(self) -> list[str]:
        """The columns that a terminal has room for. What is missed or inconclusive in any job is always among them."""
        open_ = {c for c in self.columns if any(_is_open(job.bounds.get(c)) for job in self.jobs)}
        others = [c for c in self.columns if c not in open_][: max(0, _MOST_COLUMNS - len(open_))]
        return [c for c in self.columns if c in open_ or c in others]

    @property
    def left_out(self) -> list[str]:
        return [column for column in self.columns if column not in self.shown]

    @property
    def count(self) -> str:
        """`2 met, 1 missed`"""
        verdicts = [job.verdict for job in self.jobs]
        return ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))

    @property
    def lines(self) -> list[str]:
        """Which is best and why, and the front."""
        if self.best is None:
            return ["best: none, no job has an artifact"]
        told = [f"best: job {self.best.number} ({self.best.overrides}): {self._why()}"]
        if len(self.pair) == 2:
            numbers = ", ".join(map(str, self.front))
            told.append(f"no other job beats both `{self.pair[0]}` and `{self.pair[1]}` of: {numbers} (◆)")
        return told

    def _why(self) -> str:
        assert self.best is not None
        equals = [job for job in self.jobs if job.verdict == self.best.verdict]
        if len(equals) == 1 or not self.pair:
            return self.best.verdict
        word = "lowest" if _direction(self.pair[0]) is Direction.lower else "highest"
        return f"{self.best.verdict}, with the {word} `{self.pair[0]}` of those"


def _is_open(bound: dict[str, Any] | None) -> bool:
    return bound is not None and bound["verdict"] in ("missed", "inconclusive")


def compare(jobs: Sequence[SweepJob]) -> Sweep:
    """The best: of the best verdict, by the first metric of the pair, then by the second; else the first job."""
    ready = [job for job in jobs if job.report and job.verdict in _BEST_FIRST[:-1]]
    pair = _pair(ready)
    rank = lambda job: (_BEST_FIRST.index(job.verdict), *(_cost(job, metric) for metric in pair))  # noqa: E731
    best = min(ready, key=rank, default=None)
    front = [job.number for job in ready if not any(_beats(other, job, pair) for other in ready)]
    return Sweep(tuple(jobs), pair, best, tuple(front) if len(pair) == 2 else ())


def _pair(jobs: Sequence[SweepJob]) -> tuple[str, ...]:
    """Of size, quality and speed or memory (in this order) the first column of two that all jobs have and differ in."""
    judged = [label for job in jobs for label in job.bounds]
    names = sorted(dict.fromkeys([*judged, "size"]), key=lambda name: metric_of_column(name) != "size")
    found: dict[int, str] = {}
    for name in names:
        values = [job.value(name) for job in jobs]
        if None not in values and len(set(values)) > 1:
            found.setdefault(_room(name), name)
    return tuple(found[room] for room in sorted(found))[:2]


def _room(column: str) -> int:
    needs = METRICS[metric_of(metric_of_column(column))].needs
    return {Needs.nothing: 0, Needs.scenario: 2}.get(needs, 1)


def _direction(column: str) -> Direction:
    return METRICS[metric_of(metric_of_column(column))].direction


def _cost(job: SweepJob, metric: str) -> float:
    value = job.value(metric) or 0.0
    return value if _direction(metric) is Direction.lower else -value


def _beats(one: SweepJob, other: SweepJob, pair: Sequence[str]) -> bool:
    """As good in both, better in one."""
    costs = [(_cost(one, metric), _cost(other, metric)) for metric in pair]
    return all(a <= b for a, b in costs) and any(a < b for a, b in costs)


def sweep_markdown(sweep: Sweep, recipe: str) -> str:
    """report.md of the sweep's folder: the table with all columns, which is best, and where each job's report is."""
    head = ["job", "overrides", "verdict", *sweep.columns, "report"]
    rows = [
        [f"{job.number}{mark(sweep, job)}", f"`{job.overrides}`", job.verdict, *map(job.cell, sweep.columns), f"[report]({job.number}/report.md)"]
        for job in sweep.jobs
    ]  # fmt: skip
    lines = "\n\n".join(escaped(line) for line in sweep.lines)
    return f"## `{recipe}`: sweep of {len(rows)} jobs\n\n{sweep.count}\n\n{lines}\n\n{table(head, rows)}\n"


def mark(sweep: Sweep, job: SweepJob) -> str:
    return " ◆" if job.number in sweep.front else ""
