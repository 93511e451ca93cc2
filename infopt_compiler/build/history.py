"""What a build leaves for the builds after it: a row of the history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infopt_compiler.budget import BoundResult, Interval, base_unit
from infopt_compiler.build.assemble import Findings
from infopt_compiler.build.job import BuildJob
from infopt_compiler.build.past import (
    conditions,
    history_of,
    recipe_key,
    text_name,
    unusable,
    variant,
)
from infopt_compiler.diagnostics import Diagnostic
from infopt_compiler.history import Build, Figure, HistoryError, commit_of, project_path
from infopt_compiler.measure.evaluation import Evaluation, Value
from infopt_compiler.metrics import METRICS, metric_of
from infopt_compiler.sema.program import Budget
from infopt_compiler.targets import machine_digest, machine_identity


def append_build(job: BuildJob, report: dict[str, Any], found: Findings) -> list[Diagnostic]:
    """Append the build; a history that cannot be written is a warning and costs no build its verdict."""
    commit = commit_of(job.recipe)
    build = Build(
        recipe=recipe_key(job),
        variant=variant(job),
        overrides=tuple(job.overrides),
        started=report["started"],
        seconds=report["seconds"],
        machine=machine_digest(),
        machine_name=str(machine_identity()["cpu"]),
        target=job.target.name,
        verdict=report["verdict"],
        exit_code=report["exit_code"],
        folder=project_path(job.folder, job.outputs),
        commit=commit.digest if commit else None,
        dirty=bool(commit and commit.dirty),
        figures=tuple(_figures(job, found)),
    )
    try:
        history_of(job).append(build)
    except HistoryError as problem:
        return [unusable(job, "this build is not in it", problem)]
    return []


def _figures(job: BuildJob, found: Findings) -> Iterator[Figure]:
    for name, evaluation in found.evaluations.items():
        yield from _of_budget(job, found, job.program.budgets[name], evaluation)


def _of_budget(job: BuildJob, found: Findings, budget: Budget, evaluation: Evaluation) -> Iterator[Figure]:
    for result in evaluation.results:
        bound = result.bound
        yield Figure(
            **_common(job, found, budget, result),
            reference=bound.reference,
            on=bound.on,
            unit=base_unit(bound.definition.dimension),
            operator=bound.operator.value,
            limit=result.limit,
            limit_raw=result.limit_raw,
            relative_to=bound.relative_to,
            severity=bound.severity.value,
            verdict=result.verdict.value,
            text=_digest(found, text_name(job, budget, result.metric, bound.on)),
        )
    for value in evaluation.values:
        yield Figure(
            **_common(job, found, budget, value),
            reference=value.reference,
            on=value.on,
            unit=base_unit(METRICS[metric_of(value.metric)].dimension),
            text=_digest(found, text_name(job, budget, value.metric, value.on)),
        )


def _own(row: BoundResult | Value) -> Interval:
    """The value's own interval: that of a bound `of last` has the previous build's error in it, which the history knows."""
    of_last = isinstance(row, BoundResult) and row.bound.of_last
    kept = row.spread.at(row.interval.confidence) if of_last and row.spread is not None else None
    return kept or row.interval


def _common(job: BuildJob, found: Findings, budget: Budget, row: BoundResult | Value) -> dict[str, Any]:
    own = _own(row)
    return {
        "budget": budget.name,
        "subject": row.subject,
        "metric": row.metric,
        "value": own.value,
        "low": own.low,
        "high": own.high,
        "confidence": own.confidence,
        "basis": row.basis.value,
        "digest": _digest(found, row.subject) or "",
        "scenario": row.scenario,
        "conditions": conditions(job, budget, row.metric),
        "spread": row.spread,
    }


def _digest(found: Findings, name: str | None) -> str | None:
    entry = found.execution.entries.get(name or "")
    return entry.digest if entry is not None else None
