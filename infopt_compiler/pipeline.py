"""The whole compiler, visible: text to program, then program to verdict. Hydra composes in between (`cli`).

front:  parse → resolve → check                      (`cli` lowers and lets Hydra compose)
back:   graph → execute → measure → judge → report
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts import TaskData, TextData
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, error
from infopt_compiler.sema import check_recipe
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from infopt_compiler.build.assemble import Findings
    from infopt_compiler.build.job import BuildJob
    from infopt_compiler.build.past import Past
    from infopt_compiler.measure.evaluation import Evaluation


def front(recipe: Input, overrides: Sequence[str] = ()) -> tuple[Program | None, list[Diagnostic]]:
    """The checked program, None where anything is wrong; all diagnostics of the file in one run."""
    return check_recipe(recipe, overrides)


def back(job: BuildJob) -> None:
    """Build a job: the checked program, and what Hydra chose of target, measure and engine. Leaves `report.json` in the run's folder."""
    from infopt_compiler.build.assemble import make_report
    from infopt_compiler.build.history import append_build
    from infopt_compiler.build.predictions import predictions
    from infopt_compiler.report.files import write_report
    from infopt_compiler.report.terminal import tell_report

    try:
        found = _findings(job)
    finally:
        job.events.clear()
    if not found.failed:
        found.predictions = predictions(job, found)
    report = make_report(job, found)
    unwritten = append_build(job, report, found)
    report["diagnostics"] += [problem.to_dict() for problem in unwritten]
    write_report(report, job.folder)
    tell_report(
        report,
        job.folder,
        job.engine,
        [*found.execution.diagnostics, *found.problems, *found.warnings, *unwritten],
    )


def plan(job: BuildJob) -> tuple[str, dict[str, Any], int]:
    """What a build would do: text, plain data, and the exit code (3 where arithmetic proves a bound out of reach)."""
    from infopt_compiler.build.locking import check_lock_before
    from infopt_compiler.build.planned import make_job_plan, plan_exit_code, plan_text
    from infopt_compiler.graph import build_graph

    graph = build_graph(job.program, job.recipe.parent)
    check_lock_before(job, graph)
    made = make_job_plan(job, graph)
    return plan_text(made, job), made.to_json(), plan_exit_code(made, job)


def lock(job: BuildJob) -> int:
    """Build (from the cache where it can) and write `<recipe>.lock` beside the recipe."""
    from infopt_compiler.build.locking import lock_path, write_lock_of

    found = _execute(job)
    if found.failed:
        raise DiagnosticError(*found.execution.diagnostics)
    for warned in found.execution.diagnostics:
        job.events.warning(warned.message)
    try:
        write_lock_of(job, found, lock_path(job))
    except OSError as problem:
        raise DiagnosticError(error("E0810", f"{lock_path(job)} cannot be written: {problem}")) from problem
    return 0


def _findings(job: BuildJob) -> Findings:
    from infopt_compiler.build.locking import check_lock
    from infopt_compiler.build.ship import ship
    from infopt_compiler.execute.failure import Interrupted

    found = _execute(job)
    if found.failed:
        return found
    try:
        check_lock(job, found)
        artifacts = found.execution.artifacts
        earlier = _earlier(job, found)
        found.shipped = ship({name: artifacts[name] for name in job.program.shipped}, job.folder)
        for name in job.program.budgets:
            started = time.monotonic()
            job.events.step_started(f"budget {name}", "measuring")
            found.evaluations[name] = _evaluate(job, found, name, earlier)
            job.events.step_finished(f"budget {name}", time.monotonic() - started)
    except DiagnosticError as problem:
        found.problems = problem.diagnostics
    except KeyboardInterrupt:
        raise Interrupted(_MEASURES_ANEW) from None
    return found


_MEASURES_ANEW = "measuring begins anew when you build again, but for what was decided"


def _execute(job: BuildJob) -> Findings:
    """Graph, plan (kept as plan.json), and execution unless arithmetic rules a bound out."""
    from infopt_compiler.build.assemble import Findings
    from infopt_compiler.build.locking import check_lock_before
    from infopt_compiler.build.planned import make_job_plan, refuse_unreachable
    from infopt_compiler.execute import run_graph
    from infopt_compiler.graph import build_graph
    from infopt_compiler.report.model import write_json

    graph = build_graph(job.program, job.recipe.parent)
    check_lock_before(job, graph)
    if job.invocation.folder is None:
        done = run_graph(graph, job.store, job.target, job.options, job.events, again=job.again)
        return Findings(graph, done)
    found = Findings(graph)

    def plan_it() -> None:
        """Again when the models are fetched: before, the shapes of some may not be known."""
        found.plan = make_job_plan(job, graph)
        job.events.expect(found.plan.expected(job.program.budgets))
        found.planned |= {step.name: step for step in found.plan.to_run}
        write_json(job.folder / "plan.json", found.plan.to_json())
        refuse_unreachable(found.plan, job)

    try:
        plan_it()
    except DiagnosticError as refusal:
        found.problems = refusal.diagnostics
        return found
    found.execution = run_graph(graph, job.store, job.target, job.options, job.events, plan_it, job.again)
    return found


def _earlier(job: BuildJob, found: Findings) -> Past | None:
    """What bounds `of last` are held to; None, and a warning, where the history cannot be read."""
    from infopt_compiler.build.past import earlier_values, unusable
    from infopt_compiler.history import HistoryError

    try:
        return earlier_values(job, {name: entry.digest for name, entry in found.execution.entries.items()})
    except HistoryError as problem:
        found.warnings.append(unusable(job, "no bound is compared with the previous build", problem))
        return None


def _evaluate(job: BuildJob, found: Findings, name: str, earlier: Past | None) -> Evaluation:
    """The verdicts of one budget; what goes wrong in measuring names the budget's line."""
    from infopt_compiler.build.stages import stages
    from infopt_compiler.measure.evaluate import evaluate
    from infopt_compiler.measure.job import Job
    from infopt_compiler.plan.specs import plan_specs

    budget = job.program.budgets[name]
    artifacts = found.execution.artifacts
    assert found.graph is not None
    known = plan_specs(found.graph, found.execution.entries, job.target)
    specs = {key: spec for key, spec in known.items() if spec is not None}
    try:
        return evaluate(
            Job(
                name=budget.subject,
                subject=artifacts[budget.subject],
                spec=specs.get(budget.subject),
                bounds=budget.bounds,
                scenario=job.program.scenarios.get(budget.scenario or ""),
                artifacts=artifacts,
                specs=specs,
                data={key: value for key, value in artifacts.items() if isinstance(value, TextData)},
                tasks={key: value for key, value in artifacts.items() if isinstance(value, TaskData)},
                target=job.target,
                settings=job.settings,
                records=job.records,
                progress=job.events.progress,
                distillation=_distillation(found, budget.subject),
                earlier=None if earlier is None else earlier.get(name, {}),
                way=stages(found.graph, artifacts, known, _facts(found), budget.subject),
            )
        )
    except DiagnosticError as problem:
        raise DiagnosticError(
            *(
                d if d.span else error(d.code, d.message, budget.span, notes=d.notes, help=d.help)
                for d in problem.diagnostics
            )
        ) from problem


def _facts(found: Findings) -> dict[str, dict[str, Any]]:
    """What each pass recorded, by binding."""
    return {name: entry.made.facts for name, entry in found.execution.entries.items()}


def _distillation(found: Findings, subject: str) -> dict[str, Any] | None:
    """What the nearest `distill` before a binding recorded."""
    assert found.graph is not None
    names = [subject]
    while names:
        facts = found.execution.entries[names[0]].made.facts if names[0] in found.execution.entries else {}
        if "distillation" in facts:
            recorded: dict[str, Any] = facts["distillation"]
            return recorded
        names = [*names[1:], *found.graph.steps[names[0]].needs]
    return None
