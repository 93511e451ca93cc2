"""From what the stages found to the report's plain data, ."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from infopt_compiler import __version__
from infopt_compiler.budget import BoundResult, Verdict, exit_code, overall
from infopt_compiler.build.job import BuildJob
from infopt_compiler.build.planned import REFUSED
from infopt_compiler.diagnostics import Diagnostic
from infopt_compiler.execute import Execution
from infopt_compiler.graph import Graph
from infopt_compiler.graph.keys import library_versions
from infopt_compiler.measure.evaluation import Evaluation
from infopt_compiler.plan import Plan, PlanStep
from infopt_compiler.report.layers import layers
from infopt_compiler.report.model import Report
from infopt_compiler.report.next import Asked, next_step
from infopt_compiler.targets import machine_digest, machine_identity

LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "onnx",
    "onnxruntime",
    "onnxruntime-genai",
    "numpy",
    "hydra-core",
)


@dataclass
class Findings:
    """What a build came to, as far as it came: `evaluations` by budget name. `plan` is the newest one; `planned` holds
    what was said of each step before it ran, which a later plan knows from the store."""

    graph: Graph | None = None
    execution: Execution = field(default_factory=Execution)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    shipped: list[dict[str, Any]] = field(default_factory=list)
    problems: Sequence[Diagnostic] = ()
    warnings: list[Diagnostic] = field(default_factory=list)
    plan: Plan | None = None
    planned: dict[str, PlanStep] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.problems) or self.execution.failed

    @property
    def refused(self) -> bool:
        """Arithmetic ruled a bound out, so nothing was computed: a missed budget and no failure."""
        return any(found.code == REFUSED for found in (*self.problems, *self.execution.diagnostics))

    @property
    def results(self) -> list[BoundResult]:
        return [result for evaluation in self.evaluations.values() for result in evaluation.results]


def make_report(job: BuildJob, found: Findings) -> dict[str, Any]:
    """The content of report.json."""
    verdict = None if found.failed else overall(found.results, predict_only=job.engine["predict_only"])
    if found.refused:
        verdict = Verdict.missed
    made = Report(
        recipe=job.program.recipe,
        verdict=verdict.value if verdict else "failed",
        exit_code=exit_code(verdict) if verdict else 1,
        overrides=job.overrides,
        started=job.started_text,
        seconds=round(time.time() - job.started, 3),
        bounds=_bounds(found.evaluations),
        passes=[_pass_row(found, run.name) for run in found.execution.runs],
        artifacts=found.shipped,
        measured=[_measured(job, name, evaluation) for name, evaluation in found.evaluations.items()],
        target=asdict(job.target),
        machine={**machine_identity(), "digest": machine_digest()},
        environment=environment(),
        diagnostics=[d.to_dict() for d in (*found.execution.diagnostics, *found.problems, *found.warnings)],
        graph=found.graph.to_json() if found.graph else {},
        predictions=found.predictions,
        layers=layers({row["binding"]: job.folder / row["path"] for row in found.shipped}),
        attribution={name: one.attribution for name, one in found.evaluations.items() if one.attribution},
    )
    report = made.to_json()
    return {**report, "next": next_step(report, Asked(job.words, job.settings)).to_json()}


def environment() -> dict[str, Any]:
    """Versions of Python, of this program and of what shapes results."""
    return {
        "infopt_compiler": __version__,
        "python": platform.python_version(),
        **library_versions(LIBRARIES),
    }


def _bounds(evaluations: dict[str, Evaluation]) -> list[dict[str, Any]]:
    return [
        {"budget": name, **result.to_json()}
        for name, evaluation in evaluations.items()
        for result in evaluation.results
    ]


def _pass_row(found: Findings, name: str) -> dict[str, Any]:
    run = next(run for run in found.execution.runs if run.name == name)
    entry = found.execution.entries[name]
    return {**run.to_json(), "path": str(entry.files)}


def _measured(job: BuildJob, name: str, evaluation: Evaluation) -> dict[str, Any]:
    budget = job.program.budgets[name]
    return {
        "budget": name,
        "subject": budget.subject,
        "scenario": budget.scenario,
        "values": [value.to_json() for value in evaluation.values],
        "worst_windows": evaluation.worst_windows,
        "environment": evaluation.environment,
        **evaluation.breakdown,
    }
