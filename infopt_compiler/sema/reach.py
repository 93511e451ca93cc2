"""Checks for bounds that nobody has to measure: more than arrives, and an artifact held to itself."""

from __future__ import annotations

from infopt_compiler.budget.bound import Bound, Operator
from infopt_compiler.diagnostics import Diagnostic, error
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.sema.scope import Scope
from infopt_compiler.syntax import ast
from infopt_compiler.units import human


def check_reach(scope: Scope, lines: list[tuple[ast.Bound, Bound]], scenario: Scenario | None) -> None:
    """E0442 where a server is to answer more than arrives."""
    if scenario is None or scenario.mode is not ScenarioMode.server:
        return
    for line, bound in lines:
        most = _arriving(scenario).get(bound.metric)
        if most is None or bound.is_upper or bound.relative_to is not None:
            continue
        above = bound.limit.base > most[0] or (bound.operator is Operator.gt and bound.limit.base == most[0])
        if above:
            scope.report(_more_than_arrives(line, bound, scenario, most))


def _arriving(scenario: Scenario) -> dict[str, tuple[float, str]]:
    """By metric: the most per second that can be answered for long, and how that comes about."""
    rate, generate, whole = scenario.rate, scenario.generate, scenario.prompt + scenario.generate
    each = f"{rate:g} requests per second arrive"
    return {
        "goodput": (rate, each),
        "samples": (rate, each),
        "throughput": (rate * generate, f"{each}, each is given {generate} tokens"),
        "throughput.total": (rate * whole, f"{each}, each has {whole} tokens with its prompt"),
    }


def _more_than_arrives(
    line: ast.Bound, bound: Bound, scenario: Scenario, most: tuple[float, str]
) -> Diagnostic:
    largest = human(most[0], bound.definition.dimension)
    message = f"`{bound.name}` cannot be over {largest}: under `{scenario.name}` {most[1]}"
    help = f"lower the limit, raise the scenario's `rate`, or measure the most there is with `mode = {ScenarioMode.offline.value}`"
    return error("E0442", message, line.limit.span, help=help)


def check_itself(scope: Scope, budget: ast.Budget) -> None:
    """E0443 where a bound compares the artifact that is judged with itself: the answer is known."""
    for line in budget.bounds.entries:
        for name in (line.of, line.vs):
            if name is not None and name.text == budget.subject.text:
                message = f"`{line.metric.text}` of `{name.text}` is compared with `{name.text}` itself"
                help = "name another binding, or `of last` for the previous build"
                scope.report(error("E0443", message, name.span, help=help))
