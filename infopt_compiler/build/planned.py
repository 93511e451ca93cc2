"""The plan as text."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING

from infopt_compiler.build.job import BuildJob
from infopt_compiler.build.past import Past, earlier_values
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.graph import Graph, build_graph
from infopt_compiler.history import HistoryError
from infopt_compiler.passes.base import Outline
from infopt_compiler.plan import Outlook, Plan, PlanBound, PlanStep, State, make_plan
from infopt_compiler.units import Dimension, human

if TYPE_CHECKING:
    from rich.console import Console

REFUSED = "E0913"
_OUTLOOK = {Outlook.meets: "✓", Outlook.misses: "✗", Outlook.unreachable: "✗✗", Outlook.unknown: "?"}
_STATE = {
    State.cached: "cached",
    State.run: "run",
    State.provisional: "provisional",
    State.follows: "follows",
}
_PLAIN_WIDTH = 100  # columns where nobody's terminal says otherwise


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


def plan_text(plan: Plan, job: BuildJob, width: int | None = None) -> str:
    """Tables of steps and bounds with what explains them below, a sum, and what is out of reach; no line is wider than `width` (the
    terminal's, 100 without one)."""
    from rich.console import Console

    console = Console(
        file=StringIO(),
        width=width or shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns,
        no_color=not job.engine["color"],
        force_terminal=False,
        highlight=False,
    )
    _steps(console, plan)
    _line(console, f"to run: {_sum(plan)}")
    for name, said in plan.outlines.items():
        _outline(console, name, said)
    if plan.bounds:
        _bounds(console, plan)
    if any(step.seen for step in plan.to_run) or any(bound.seen for bound in plan.bounds):
        _line(
            console, "±, ×: how far off such predictions were on this machine (the median of three at least)"
        )
    for bound in plan.unreachable:
        _line(console, f"{bound.span or bound.budget}: {_out_of_reach(plan, bound)}")
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)


def _outline(console: Console, name: str, said: Outline) -> None:
    """The table of a pass; where it is wider than the screen in parts below each other, so that no figure is cut."""
    title = f"{name}: {said.title}"
    for columns in _parts(said, console.width):
        rows = [[row[k] for k in columns] for row in said.rows]
        _print(console, title, [said.columns[k] for k in columns], rows, left=len(columns))
        title = ""
    for note in said.notes:
        _line(console, f"{name}: {note}")


def _parts(said: Outline, width: int) -> list[list[int]]:
    """Numbers of columns that fit beside each other, the first one in each part."""
    widths = [max(map(len, cells)) + 2 for cells in zip(said.columns, *said.rows, strict=True)]
    parts = [[0]]
    for column in range(1, len(widths)):
        if len(parts[-1]) > 1 and sum(widths[k] for k in parts[-1]) + widths[column] > width:
            parts.append([0])
        parts[-1].append(column)
    return parts


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
    seconds = plan.measure_seconds
    return f"; then up to {human(seconds, Dimension.time)} of measuring" if seconds else ""


def _known(value: float | None, dimension: Dimension) -> str:
    return "unknown" if value is None else human(value, dimension, 2)


def _estimate(step: PlanStep, quantity: str, dimension: Dimension) -> str:
    """A step's quantity, and how far off its estimates were so far where it is one: `12 s ±8%`."""
    text = _known(getattr(step, quantity), dimension)
    seen = step.seen.get(quantity) if step.state is not State.cached else None
    return f"{text} {seen}" if seen else text


def _print(
    console: Console, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> None:
    """A table whose first `left` columns are words, which wrap, and whose others are figures, which do not where all fit."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(heads):
        is_word = number < left
        table.add_column(name, justify="left" if is_word else "right", no_wrap=not is_word, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _steps(console: Console, plan: Plan) -> None:
    rows = [
        [
            step.name,
            step.pass_name,
            _STATE[step.state],
            _estimate(step, "seconds", Dimension.time),
            _estimate(step, "peak_rss_bytes", Dimension.bytes),
            _estimate(step, "disk_bytes", Dimension.bytes),
        ]
        for step in plan.steps
    ]
    heads = ("binding", "pass", "state", "time", "memory", "disk")
    _print(console, f"plan of {plan.recipe} on {plan.target}", heads, rows, left=3)
    told = [(step.name, "; ".join(step.because[:2])) for step in plan.steps if step.state is State.run]
    for text in _grouped(told):
        _line(console, text)


def _grouped(told: Sequence[tuple[str, str]]) -> list[str]:
    """`q, onnx: why`: what several have in common is said once."""
    names: dict[str, list[str]] = {}
    for name, why in told:
        if why:
            names.setdefault(why, []).append(name)
    return [f"{', '.join(dict.fromkeys(of))}: {why}" for why, of in names.items()]


def _bounds(console: Console, plan: Plan) -> None:
    rows = [[*_outlook(bound), *_figures(bound)] for bound in plan.bounds]
    _print(console, "bounds, predicted", ("", "outlook", "bound", "predicted", "range"), rows, left=3)
    for text in _grouped([(bound.metric, bound.why) for bound in plan.bounds]):
        _line(console, text)


def _outlook(bound: PlanBound) -> tuple[str, str, str]:
    warn = "warn " if bound.severity == "warn" else ""
    return _OUTLOOK[bound.outlook], bound.outlook.value, warn + bound.text


def _figures(bound: PlanBound) -> tuple[str, str]:
    """The value, and how far off it may be; of an artifact in the store it is a fact."""
    from infopt_compiler.report.values import dimension_of

    dimension = dimension_of(bound.metric)
    value = _known(bound.value, dimension) + (f" {bound.seen}" if bound.seen else "")
    if bound.low is None or bound.high is None:
        return value, "–"
    if bound.low == bound.high:
        return human(bound.low, dimension, 4), "exact"
    return value, f"{human(bound.low, dimension)} … {human(bound.high, dimension)}"
