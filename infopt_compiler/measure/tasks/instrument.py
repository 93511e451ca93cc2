"""The instrument over tasks: each (task, model) is answered once, or read from a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from infopt_compiler.artifacts import Artifact, TaskData
from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.budget import Bound, Interval
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown
from infopt_compiler.measure.tasks.answers import (
    TaskResult,
    estimate_accuracy,
    estimate_accuracy_ratio,
    score_task,
)
from infopt_compiler.metrics import METRICS

_VERSION = 1
_SHOWN = 8  # documents in the report


@dataclass(frozen=True)
class TaskReading(Reading):
    """`answered` by task and binding."""

    job: Job
    answered: dict[tuple[str, str], TaskResult] = field(default_factory=dict)

    def own(self, bound: Bound) -> Own:
        return partial(self._interval, self.answered[str(bound.on), self.job.name], bound.metric)

    def ratio(self, bound: Bound, confidence: float) -> tuple[Interval, Interval]:
        names = self.job.name, str(bound.relative_to)
        mine, theirs = (self.answered[str(bound.on), name].scores(bound.metric) for name in names)
        ratio = estimate_accuracy_ratio(mine, theirs, confidence, **self.job.drawn)
        return ratio, Interval.exact(sum(theirs) / len(theirs))

    def shown(self) -> Iterator[Shown]:
        """Every accuracy that a task has, of the subject and of what it was compared with."""
        for (on, name), result in self.answered.items():
            for metric in result.metrics:
                own = partial(self._interval, result, metric)
                yield Shown(metric, own, None if name == self.job.name else name, on=on, unknown=True)

    def details(self) -> Details:
        """By task: how many documents, by which library, and those that only a reference answers right."""
        told: dict[str, Any] = {}
        for (on, name), result in self.answered.items():
            if name != self.job.name:
                continue
            others = {who: theirs for (task, who), theirs in self.answered.items() if task == on}
            lost = {who: _lost(result, theirs) for who, theirs in others.items() if who != name}
            told[on] = {"documents": len(result.rows), "versions": result.versions, "lost": lost}
        return Details({"tasks": told})

    def _interval(self, result: TaskResult, metric: str, confidence: float) -> Interval:
        return estimate_accuracy(result.scores(metric), confidence, **self.job.drawn)


class TaskInstrument:
    """Tasks of lm-evaluation-harness."""

    phase = "tasks"
    metrics = frozenset(name for name, metric in METRICS.items() if metric.of_task)

    def check(self, job: Job) -> None:
        """A task may have no choices to weigh by their length."""
        for bound in job.of(self.metrics):
            if bound.metric == "accuracy.norm" and _output_type(job.task(bound)) != "multiple_choice":
                message = f"`{bound.on}` has no choices, which `{bound.name}` weighs by their length"
                raise DiagnosticError(error("E0909", message, bound.span, help="write `accuracy`"))

    def measure(self, job: Job) -> TaskReading:
        """The subject, and the models that bounds relate it to, on each task that the bounds name."""
        found = TaskReading(job)
        for bound in job.of(self.metrics):
            for name in (job.name, bound.beside):
                if name is not None and (str(bound.on), name) not in found.answered:
                    artifact = job.subject if name == job.name else job.artifact(bound, name)
                    found.answered[str(bound.on), name] = _measure(job, bound, artifact)
        return found


def _lost(own: TaskResult, reference: TaskResult) -> list[dict[str, Any]]:
    pairs = zip(own.rows, reference.rows, strict=True)
    rows = [{"document": a.document, "excerpt": a.excerpt} for a, b in pairs if a.right < b.right]
    return rows[:_SHOWN]


def _output_type(data: TaskData) -> str:
    said = json.loads((data.path / "task.json").read_text("utf-8"))
    return str(said["config"]["output_type"])


def _measure(job: Job, bound: Bound, artifact: Artifact) -> TaskResult:
    data = job.task(bound)

    def made() -> dict[str, Any]:
        return score_task(artifact, data, progress=job.progress).to_json()

    return TaskResult.from_json(job.remembered(_key(job, artifact, data), bound, made))


def _key(job: Job, artifact: Artifact, data: TaskData) -> str:
    """The libraries that make requests and score answers count, too."""
    facts = {"artifact": artifact.digest, "data": data.digest, "libraries": job.libraries}
    return digest_json({"measure": "task", "version": _VERSION, **facts, "harness": _harness_versions()})


def _harness_versions() -> dict[str, str]:
    found = {}
    for name in ("lm-eval", "datasets"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
