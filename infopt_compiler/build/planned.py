"""The plan as text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from io import StringIO
from typing import Any

from infopt_compiler.build.job import BuildJob
from infopt_compiler.build.past import Past, earlier_values
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.graph import Graph, build_graph
from infopt_compiler.history import HistoryError
from infopt_compiler.passes.base import Outline
from infopt_compiler.plan import Outlook, Plan, PlanBound, PlanStep, State, make_plan
from infopt_compiler.units import Dimension, human

REFUSED = "E0913"
_OUTLOOK = {Outlook.meets: "✓", Outlook.misses: "✗", Outlook.unreachable: "✗✗", Outlook.unknown: "?"}
_STATE = {State.cached: "cached", State.run: "run", State.follows: "run (follows)"}


def make_job_plan(job: BuildJob, graph: Graph | None = None) -> Plan:
    """The plan of a job. DiagnosticError where a source is missing."""
    graph = graph or build_graph(job.program, job.recipe.parent)
    return make_plan(
        job.program,
        graph,
        job.store,
        job.target,
        job.settings,
        job.options.seed,
        partial(_earlier, job),
        job.again,
    )


def _earlier(job: BuildJob, texts: Mapping[str, str]) -> Past | None:
    """What bounds `of last` are held to; None where the history cannot be read: the plan says so at those bounds."""
    try:
        return earlier_values(job, texts)
    except HistoryError:
        return None


def plan_exit_code(plan: Plan, job: BuildJob) -> int:
    """3 where arithmetic proves that a bound cannot be met, and with `--predict-only` where a prediction misses."""
    failing = {Outlook.unreachable, Outlook.misses} if job.engine["predict_only"] else {Outlook.unreachable}
    return 3 if any(b.outlook in failing and b.severity == "error" for b in plan.bounds) else 0


def refuse_unreachable(plan: Plan, job: BuildJob) -> None:
    """DiagnosticError E0913 for bounds that arithmetic proves out of reach: no compute is worth spending on them."""
    if job.engine["force"] or job.engine["predict_only"]:
        return
    help = "change the bound, the model or its format; or build anyway with --force"
    found = [
        error(REFUSED, _out_of_reach(plan, bound), bound.span, help=help)
        for bound in plan.unreachable
        if bound.severity == "error"
    ]
    if found:
        raise DiagnosticError(*found)


def _out_of_reach(plan: Plan, bound: PlanBound) -> str:
    return f"`{bound.text}` is out of reach on {plan.target}: {bound.why}"


def plan_text(plan: Plan, job: BuildJob, width: int = 140) -> str:
    """Tables of steps and bounds, a sum, and what is out of reach."""
    from rich.console import Console

    console = Console(
        file=StringIO(), width=width, no_color=not job.engine["color"], force_terminal=False, highlight=False
    )
    console.print(_steps(plan))
    console.print(f"to run: {_sum(plan)}")
    for name, said in plan.outlines.items():
        _outline(console, name, said)
    if plan.bounds:
        console.print(_bounds(plan))
    if any(step.seen for step in plan.steps) or any(bound.seen for bound in plan.bounds):
        console.print("±: median error of such predictions on this machine, and how many there were")
    for bound in plan.unreachable:
        console.print(
            f"{bound.span or bound.budget}: {_out_of_reach(plan, bound)}", markup=False, soft_wrap=True
        )
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined,no-any-return]


def _outline(console: Any, name: str, said: Outline) -> None:
    """The table of a pass, as wide as it needs to be: no figure is cut."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{name}: {said.title}", title_justify="left", box=None, pad_edge=False)
    for column in said.columns:
        table.add_column(column, no_wrap=True)
    for row in said.rows:
        table.add_row(*map(Text, row))
    width = console.width
    longest = [max(map(len, cells)) for cells in zip(said.columns, *said.rows, strict=True)]
    console.width = max(sum(longest) + 2 * len(longest), len(name) + len(said.title) + 2)
    console.print(table)
    console.width = width
    for note in said.notes:
        console.print(f"{name}: {note}", markup=False, soft_wrap=True)


def _sum(plan: Plan) -> str:
    if not plan.to_run:
        return "nothing, every step is cached" + _measuring(plan)
    parts = (
        _known(plan.seconds, Dimension.time),
        f"{_known(plan.peak_rss_bytes, Dimension.bytes)} memory",
        f"{_known(plan.disk_bytes, Dimension.bytes)} disk",
    )
    return ", ".join(parts) + _measuring(plan)


def _measuring(plan: Plan) -> str:
    return (
        f"; then up to {human(plan.measure_seconds, Dimension.time)} of measuring (two blocks of requests at least)"
        if plan.measure_seconds
        else ""
    )


def _known(value: float | None, dimension: Dimension) -> str:
    return "unknown" if value is None else human(value, dimension, 2)


def _estimate(step: PlanStep, quantity: str, dimension: Dimension) -> str:
    """A step's quantity, and how far off its estimates were so far where it is one: `12 s ±8% (5)`."""
    text = _known(getattr(step, quantity), dimension)
    seen = step.seen.get(quantity) if step.state is not State.cached else None
    return f"{text} {seen}" if seen else text


def _table(title: str, *columns: str) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(
            name, justify="right" if name in ("time", "memory", "disk", "predicted", "range") else "left"
        )
    return table


def _steps(plan: Plan) -> Any:
    from rich.text import Text

    table = _table(
        f"plan of {plan.recipe} on {plan.target}",
        "binding",
        "pass",
        "state",
        "time",
        "memory",
        "disk",
        "because",
    )
    for step in plan.steps:
        table.add_row(
            Text(step.name),
            Text(step.pass_name),
            _STATE[step.state],
            _estimate(step, "seconds", Dimension.time),
            _estimate(step, "peak_rss_bytes", Dimension.bytes),
            _estimate(step, "disk_bytes", Dimension.bytes),
            Text("; ".join(step.because[:2])),
        )
    return table


def _bounds(plan: Plan) -> Any:
    from rich.text import Text

    from infopt_compiler.report.values import dimension_of

    table = _table("bounds, predicted", "", "outlook", "bound", "predicted", "range", "why")
    for bound in plan.bounds:
        dimension = dimension_of(bound.metric)
        span = (
            "–"
            if bound.low is None or bound.high is None
            else f"{human(bound.low, dimension)} … {human(bound.high, dimension)}"
        )
        table.add_row(
            _OUTLOOK[bound.outlook],
            bound.outlook.value,
            Text(("warn " if bound.severity == "warn" else "") + bound.text),
            _known(bound.value, dimension) + (f" {bound.seen}" if bound.seen else ""),
            span,
            Text(bound.why),
        )
    return table
