"""Checks what is measured on tasks: that each can be scored here, and by the metrics that bounds ask for."""

from __future__ import annotations

from pathlib import Path

from infopt_compiler.diagnostics import error
from infopt_compiler.metrics import METRICS, Metric
from infopt_compiler.sema.program import Program
from infopt_compiler.sema.scope import Scope, Symbol
from infopt_compiler.sources import SourceError
from infopt_compiler.sources.task_config import parse_task
from infopt_compiler.syntax import ast


def check_on(scope: Scope, name: ast.Name, metric: Metric, symbol: Symbol) -> None:
    """E0445 where a metric of tasks is asked of text, or one of text of a task."""
    if symbol.is_task is metric.of_task:
        return
    what = "a task" if symbol.is_task else "text"
    wanted = "a task" if metric.of_task else "text"
    message = f"`{metric.name}` is measured on {wanted}, and `{name.text}` is {what}"
    of_tasks = ", ".join(f"`{one.name}`" for one in METRICS.values() if one.of_task)
    help = f"tasks have {of_tasks}" if symbol.is_task else 'name one: `data arc = "lm-eval:tasks#arc"`'
    scope.report(error("E0445", message, name.span, help=help))


def check_tasks(scope: Scope, program: Program, folder: Path) -> None:
    """Every task is looked up, once for each source: E0601, E0615 to E0619 at its statement; E0445 at bounds."""
    types: dict[str, str | None] = {}
    for data in program.data.values():
        if not data.is_task or data.source in types:
            continue
        try:
            types[data.source] = parse_task(data.source, folder).config["output_type"]
        except SourceError as wrong:
            types[data.source] = None
            scope.report(wrong.diagnostic(data.span))
    for budget in program.budgets.values():
        for bound in budget.bounds:
            judged = program.data.get(bound.on or "")
            kind = types.get(judged.source) if judged is not None else None
            if bound.metric == "accuracy.norm" and kind not in (None, "multiple_choice"):
                message = f"`{bound.name}` weighs choices by their length, and `{bound.on}` has none"
                scope.report(error("E0445", message, bound.span, help="write `accuracy`"))
