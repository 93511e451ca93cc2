"""The part of an evaluation that answers tasks: each (task, model) once, or read from a record."""

from __future__ import annotations

import json
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from infopt_compiler.artifacts import Artifact, TaskData
from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.budget import Bound, Interval, judge
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.measure.evaluation import Value
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.last import Judged, Own, judge_last, spread_of
from infopt_compiler.measure.records import library_versions
from infopt_compiler.measure.requests.instrument import judge_relative
from infopt_compiler.measure.tasks.answers import TaskResult, score_task
from infopt_compiler.measure.tasks.estimate import estimate_accuracy, estimate_accuracy_ratio
from infopt_compiler.measure.text.instrument import placed

_VERSION = 1
_SHOWN = 8  # documents in the report
TaskResults = dict[tuple[str, str], TaskResult]  # by task and binding


def check_tasks(job: Job) -> None:
    """DiagnosticError E0909 where a task has no choices to weigh by their length: before anything is timed."""
    for bound in _bounds(job):
        if bound.metric == "accuracy.norm" and _output_type(job.task(bound)) != "multiple_choice":
            message = f"`{bound.on}` has no choices, which `{bound.name}` weighs by their length"
            raise DiagnosticError(error("E0909", message, bound.span, help="write `accuracy`"))


def measure_tasks(job: Job) -> TaskResults:
    """The subject, and the models that bounds relate it to, on each task that the bounds name."""
    found: TaskResults = {}
    for bound in _bounds(job):
        for name in (job.name, bound.beside):
            if name is not None and (str(bound.on), name) not in found:
                artifact = job.subject if name == job.name else job.artifact(bound, name)
                found[str(bound.on), name] = _measure(job, bound, artifact)
    return found


def judge_task(job: Job, bound: Bound, found: TaskResults) -> Judged:
    """(verdict, interval, limit, ratio)."""
    own = own_task(job, bound, found)
    if bound.of_last:
        return judge_last(job, bound, own)
    if bound.beside is None:
        interval = own(job.confidence(bound))
        return judge(bound, interval, bound.limit.base), interval, bound.limit.base, None
    on, settings = str(bound.on), job.settings
    mine, theirs = (found[on, name].scores(bound.metric) for name in (job.name, bound.beside))
    ratio = estimate_accuracy_ratio(
        mine, theirs, job.confidence(bound), resamples=settings.resamples, seed=settings.seed
    )
    return judge_relative(bound, ratio, Interval.exact(sum(theirs) / len(theirs)))


def own_task(job: Job, bound: Bound, found: TaskResults) -> Own:
    """The subject's own value, at any confidence."""
    return partial(_interval, job, found[str(bound.on), job.name], bound.metric)


def task_values(job: Job, found: TaskResults) -> list[Value]:
    """Every accuracy that a task has, of the subject and of what it was compared with."""
    values = []
    for (on, name), result in found.items():
        for metric in result.metrics:
            own = partial(_interval, job, result, metric)
            kept = spread_of(own, job.settings.confidence, ()) if name == job.name else None
            values.append(Value(metric, name, own(job.settings.confidence), on=on, spread=kept))
    return values


def task_details(job: Job, found: TaskResults) -> dict[str, Any]:
    """By task: how many documents, by which library, and those that only a reference answers right."""
    details: dict[str, Any] = {}
    for (on, name), result in found.items():
        if name != job.name:
            continue
        others = {other: theirs for (task, other), theirs in found.items() if task == on and other != name}
        lost = {other: _lost(result, theirs) for other, theirs in others.items()}
        details[on] = {"documents": len(result.rows), "versions": result.versions, "lost": lost}
    return details


def _lost(own: TaskResult, reference: TaskResult) -> list[dict[str, Any]]:
    pairs = zip(own.rows, reference.rows, strict=True)
    rows = [{"document": a.document, "excerpt": a.excerpt} for a, b in pairs if a.right < b.right]
    return rows[:_SHOWN]


def _bounds(job: Job) -> list[Bound]:
    return [bound for bound in job.bounds if bound.definition.of_task]


def _output_type(data: TaskData) -> str:
    said = json.loads((data.path / "task.json").read_text("utf-8"))
    return str(said["config"]["output_type"])


def _interval(job: Job, result: TaskResult, metric: str, confidence: float) -> Interval:
    settings = job.settings
    return estimate_accuracy(
        result.scores(metric), confidence, resamples=settings.resamples, seed=settings.seed
    )


def _measure(job: Job, bound: Bound, artifact: Artifact) -> TaskResult:
    data = job.task(bound)
    key = _key(artifact, data)
    known = job.records.record(key)
    if known is not None:
        return TaskResult.from_json(known)
    try:
        found = score_task(artifact, data, progress=job.progress).to_json()
    except DiagnosticError as failure:
        raise DiagnosticError(*placed(failure, bound)) from None
    job.records.put_record(key, found)
    return TaskResult.from_json(found)


def _key(artifact: Artifact, data: TaskData) -> str:
    """The libraries that make requests and score answers count, too."""
    facts = {"artifact": artifact.digest, "data": data.digest, "libraries": library_versions()}
    return digest_json({"measure": "task", "version": _VERSION, **facts, "harness": _harness_versions()})


def _harness_versions() -> dict[str, str]:
    found = {}
    for name in ("lm-eval", "datasets"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
