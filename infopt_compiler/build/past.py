"""What earlier builds a build may be compared with: the same recipe and overrides, under the same conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from infopt_compiler.artifacts.digest import digest_json
from infopt_compiler.budget import Earlier, request_limits
from infopt_compiler.build.job import BuildJob
from infopt_compiler.diagnostics import Diagnostic, warning
from infopt_compiler.history import FILE_NAME, History, HistoryError, Wanted, project_path
from infopt_compiler.measure.job import Figure
from infopt_compiler.metrics import METRICS, Needs, metric_of
from infopt_compiler.sema.program import Budget
from infopt_compiler.targets import machine_digest

Past = Mapping[str, Mapping[Figure, Earlier]]  # budget → figure → what the newest earlier build measured
# Overrides that say what is asked and how it is measured, not what is built.
_NO_VARIANT = ("budget", "measure", "engine")


def earlier_values(job: BuildJob, texts: Mapping[str, str]) -> Past:
    """For every bound `of last` that was measured before under the same conditions, and on the same kind of machine
    where it depends on one. `texts`: the digests of data, as far as they are known. HistoryError."""
    past: dict[str, dict[Figure, Earlier]] = {}
    for budget in job.program.budgets.values():
        for bound in budget.bounds:
            if bound.of_last:
                found = history_of(job).earlier(_wanted(job, budget, bound.figure, texts))
                if found is not None:
                    past.setdefault(budget.name, {})[bound.figure] = found
    return past


def unusable(job: BuildJob, so: str, problem: HistoryError) -> Diagnostic:
    hint = "if the file is damaged, move it away: the next build begins a new one"
    return warning("E0914", f"the history {history_of(job).path} cannot be used, {so}: {problem}", help=hint)


def history_of(job: BuildJob) -> History:
    return History(job.outputs / FILE_NAME)


def recipe_key(job: BuildJob) -> str:
    return project_path(job.recipe, job.outputs)


def variant(job: BuildJob) -> tuple[str, ...]:
    """The overrides that change what is built: builds with others are not compared with each other."""
    heads = {text: text.lstrip("+~").partition("=")[0].partition(".")[0] for text in job.overrides}
    return tuple(sorted(text for text, head in heads.items() if head not in _NO_VARIANT))


def _wanted(job: BuildJob, budget: Budget, figure: Figure, texts: Mapping[str, str]) -> Wanted:
    metric, on, reference = figure
    timed = METRICS[metric_of(metric)].needs is Needs.scenario
    return Wanted(
        recipe_key(job),
        variant(job),
        budget.name,
        budget.subject,
        metric,
        on,
        reference,
        conditions(job, budget, metric),
        machine_digest() if timed else None,
        texts.get(text_name(job, budget, metric, on) or ""),
    )


def conditions(job: BuildJob, budget: Budget, metric: str) -> str:
    """A digest of what makes two values of a metric comparable, besides names, text and machine."""
    facts: dict[str, Any] = {}
    needs = METRICS[metric_of(metric)].needs
    if needs is Needs.scenario and budget.scenario is not None:
        facts = asdict(job.program.scenarios[budget.scenario])
        facts |= {"name": None, "mode": facts["mode"].value}
    if needs is Needs.data:
        facts["windows"] = job.settings.windows
    if metric == "goodput":
        facts["limits"] = request_limits(budget.bounds)
    return digest_json(facts)


def text_name(job: BuildJob, budget: Budget, metric: str, on: str | None) -> str | None:
    """The data whose text shapes the value: what is scored, or what requests send."""
    if METRICS[metric_of(metric)].needs is Needs.scenario and budget.scenario is not None:
        return job.program.scenarios[budget.scenario].prompts
    return on
