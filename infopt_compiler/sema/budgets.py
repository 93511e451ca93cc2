"""Checks budgets: what is bounded, how, on which data, against what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infopt_compiler.artifacts import Artifact
from infopt_compiler.budget.bound import LAST, Bound, BoundSeverity, Operator
from infopt_compiler.budget.limits import is_request_limit
from infopt_compiler.diagnostics import Note, Span, error, warning
from infopt_compiler.metrics import Metric, ModelKind, Needs
from infopt_compiler.runtimes.registry import RUNTIMES, is_deployable, is_scored
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.metrics import against_direction, check_limit, check_metric, of_good_side
from infopt_compiler.sema.program import Budget, Program
from infopt_compiler.sema.reach import check_itself, check_reach
from infopt_compiler.sema.scope import Kind, Scope, Symbol
from infopt_compiler.sema.slot import article
from infopt_compiler.sema.tasks import check_on
from infopt_compiler.sema.values import quantity
from infopt_compiler.syntax import ast
from infopt_compiler.units import Dimension


@dataclass(frozen=True)
class _Frame:
    """What all bounds of a budget share."""

    budget: ast.Budget
    scenario: str | None
    confidence: float | None
    kind: type[Artifact] | None  # of the subject, where it ships
    without: list[str] = field(
        default_factory=list
    )  # metrics that need a scenario where the budget names none


def check_budget(
    scope: Scope, budget: ast.Budget, names: dict[str, ast.Budget], scenarios: Mapping[str, Scenario]
) -> Budget | None:
    """The budget; None where its subject or a bound was reported."""
    before = len(scope.found)
    _check_name(scope, budget, names)
    subject = scope.find(budget.subject, Kind.node, Kind.model, Kind.data)
    kind = _check_subject(scope, budget.subject, subject) if subject is not None else None
    _check_served(scope, budget, kind)
    scenario = scope.find(budget.under, Kind.scenario) if budget.under is not None else None
    name = scenario.name.text if scenario else None
    frame = _Frame(budget, name, _confidence(scope, budget.at, None), kind)
    pairs = [(line, _bound(scope, frame, line)) for line in budget.bounds.entries]
    checked = [(line, bound) for line, bound in pairs if bound is not None]
    _check_scenario(scope, frame)
    _check_pairs(scope, checked)
    _check_goodput(scope, budget, checked)
    check_reach(scope, checked, scenarios.get(name or ""))
    check_itself(scope, budget)
    if not budget.bounds.entries:
        scope.report(error("E0437", f"the budget of `{budget.subject.text}` is empty", budget.span))
    if subject is None or (
        len(scope.found) > before and any(d.severity.value == "error" for d in scope.found[before:])
    ):
        return None
    bounds = tuple(bound for _, bound in checked)
    return Budget(budget.name.text, budget.subject.text, frame.scenario, bounds, budget.span)


def _check_name(scope: Scope, budget: ast.Budget, names: dict[str, ast.Budget]) -> None:
    if budget.alias is not None:
        scope.refuse_dash(budget.alias)
    first = names.setdefault(budget.name.text, budget)
    if first is budget:
        return
    note = Note("the first one is here", first.name.span)
    if budget.alias is not None:
        message = f"there are two budgets `{budget.name.text}`"
        hint = "choose another name"
    else:
        message = f"`{budget.subject.text}` has two budgets"
        hint = f"name the second one: `budget {budget.subject.text} as NAME`"
    scope.report(error("E0429", message, budget.name.span, notes=(note,), help=hint))


def _check_subject(scope: Scope, name: ast.Name, subject: Symbol) -> type[Artifact] | None:
    """Its kind; None where that is not known or was reported."""
    kind = subject.artifact
    if kind is None or kind.ships:
        return kind
    message = f"a budget holds for what is deployed; `{name.text}` is {article(kind.kind)}"
    note = Note(f"`{name.text}` is bound here", subject.name.span)
    scope.report(
        error("E0430", message, name.span, notes=(note,), help="bound the result of `export` or `tune`")
    )
    return None


def _confidence(scope: Scope, value: ast.Scalar | None, default: float | None) -> float | None:
    if value is None:
        return default
    share = quantity(scope, value, Dimension.fraction, "a confidence")
    if share is None:
        return default
    if not 0.5 <= share.base < 1:
        message = f"a confidence of {share} cannot be reached by measuring"
        scope.report(error("E0433", message, value.span, help="write for example `at 99% confidence`"))
    return share.base


def _bound(scope: Scope, frame: _Frame, line: ast.Bound) -> Bound | None:
    confidence = _confidence(scope, line.at, frame.confidence)
    resolved = check_metric(scope, line.metric)
    if resolved is None:
        _use_clauses(scope, line)
        return None
    metric, aggregate = resolved
    on = _on(scope, line, metric)
    reference = _reference(scope, line, metric)
    relative = _relative_to(scope, line, metric)
    limit = check_limit(scope, metric, line)
    if metric.needs is Needs.scenario and frame.budget.under is None:
        frame.without.append(line.metric.text)
    _check_scored(scope, frame.kind, line, metric)
    if limit is None:
        return None
    if against_direction(metric, line.operator):
        message = f"`{line.metric.text} {line.operator}` is met by what is bad: of `{metric.name}`, {metric.direction.value}"
        scope.report(warning("E0435", message, line.span))
    elif of_good_side(metric, aggregate):
        message = (
            f"`{line.metric.text}` is of the best requests: of `{metric.name}`, {metric.direction.value}"
        )
        help = "the slow ones are `tpot.p95 <= …`; the typical one is `decode.p50 >= …`"
        scope.report(warning("E0444", message, line.metric.span, help=help))
    return Bound(
        metric.name,
        Operator(line.operator),
        limit,
        aggregate,
        relative,
        reference,
        on,
        BoundSeverity.warn if line.warn else BoundSeverity.error,
        confidence,
        line.span,
    )


def _use_clauses(scope: Scope, line: ast.Bound) -> None:
    """The names of a bound that was reported are at least not unused."""
    for name in (line.on, line.vs, line.of):
        if name is not None and name.text in scope.symbols:
            scope.symbols[name.text].used = True


def _on(scope: Scope, line: ast.Bound, metric: Metric) -> str | None:
    if metric.needs is Needs.data and line.on is None:
        message = (
            f"`{metric.name}` is measured on {'a task' if metric.of_task else 'text'}, and none is named"
        )
        known = [
            s.name.text for s in scope.symbols.values() if s.kind is Kind.data and s.is_task is metric.of_task
        ]
        hint = f"add `on {known[-1]}`" if known else "add a `data` statement, and `on` its name"
        scope.report(error("E0424", message, line.span, help=hint))
    if line.on is None:
        return None
    symbol = scope.find(line.on, Kind.data)
    if metric.needs is not Needs.data:
        message = f"`{metric.name}` is not measured on text: `on` has no meaning here"
        scope.report(error("E0426", message, line.on.span))
    elif symbol is not None:
        check_on(scope, line.on, metric, symbol)
    return symbol.name.text if symbol is not None else None


def _reference(scope: Scope, line: ast.Bound, metric: Metric) -> str | None:
    if metric.reference and line.vs is None:
        message = f"`{metric.name}` compares with a reference, and none is named"
        scope.report(error("E0425", message, line.span, help="add `vs` and the binding to compare with"))
    if line.vs is None:
        return None
    symbol = _model(scope, line.vs)
    if not metric.reference:
        message = f"`{metric.name}` compares with nothing: `vs` has no meaning here"
        hint = f"for a relative limit write `105% of {line.vs.text}`"
        scope.report(error("E0426", message, line.vs.span, help=hint))
    return symbol.name.text if symbol is not None else None


def _relative_to(scope: Scope, line: ast.Bound, metric: Metric) -> str | None:
    if line.of is None:
        return None
    if line.of.text == LAST:
        return LAST
    symbol = _model(scope, line.of)
    if symbol is None:
        return None
    kind = symbol.artifact
    if metric.needs is Needs.scenario and kind is not None and not is_deployable(kind):
        message = (
            f"`{metric.name}` of `{line.of.text}` cannot be measured: {article(kind.kind)} is not served"
        )
        scope.report(error("E0430", message, line.of.span, help="name the result of `export` or `tune`"))
    return symbol.name.text


def _model(scope: Scope, name: ast.Name) -> Symbol | None:
    return scope.find(name, Kind.node, Kind.model)


def _check_scenario(scope: Scope, frame: _Frame) -> None:
    """Said once, at the budget's head, of all its metrics that need one."""
    metrics = list(dict.fromkeys(frame.without))
    if not metrics:
        return
    known = [s.name.text for s in scope.symbols.values() if s.kind is Kind.scenario]
    subject = frame.budget.subject
    hint = f"write `budget {subject.text} under {known[0] if known else 'NAME'} {{`"
    if not known:
        hint = "add a `scenario` statement, and " + hint
    listed = ", ".join(f"`{name}`" for name in metrics)
    verb = "is" if len(metrics) == 1 else "are"
    message = f"{listed} {verb} measured under a scenario, and the budget names none"
    scope.report(error("E0427", message, subject.span, help=hint))


def _check_served(scope: Scope, budget: ast.Budget, kind: type[Artifact] | None) -> None:
    """What ships may be a kind that nothing here opens: then its files are all that can be bounded."""
    if kind is not None and budget.under is not None and not is_deployable(kind):
        _nothing_opens(scope, kind, budget.under.span, "serves", "leave out `under`, and bound its `size`")


def _check_scored(scope: Scope, kind: type[Artifact] | None, line: ast.Bound, metric: Metric) -> None:
    if kind is None or metric.needs is not Needs.data:
        return
    if not (is_deployable(kind) if metric.only is ModelKind.encoder else is_scored(kind)):
        _nothing_opens(scope, kind, line.metric.span, "scores text with", "bound its `size`")


def _nothing_opens(scope: Scope, kind: type[Artifact], span: Span, what: str, help: str) -> None:
    """Packages that could not be used are told, since theirs may be the one that is missed."""
    notes = tuple(Note(str(wrong)) for wrong in RUNTIMES.problems())
    scope.report(error("E0904", f"no runtime {what} {article(kind.kind)}", span, notes=notes, help=help))


def _check_goodput(scope: Scope, budget: ast.Budget, checked: list[tuple[ast.Bound, Bound]]) -> None:
    """Requests are good by the budget's own latency bounds."""
    wrong = len(checked) < len(
        budget.bounds.entries
    )  # what was reported may be the limit that seems to be missing
    if wrong or any(is_request_limit(bound) for _, bound in checked):
        return
    for line, bound in checked:
        if bound.metric == "goodput":
            message = "`goodput` counts the requests within the budget's latency bounds, and there is none"
            help = (
                "add for example `ttft.p95 <= 600 ms`; a bound with `warn` or `of` is no limit of one request"
            )
            scope.report(error("E0438", message, line.span, help=help))


def _check_pairs(scope: Scope, checked: list[tuple[ast.Bound, Bound]]) -> None:
    """No two bounds alike, and none that exclude each other. A limit of its own and one `of last` are not alike."""
    for k, (line, bound) in enumerate(checked):
        for other_line, other in checked[:k]:
            if (bound.figure, bound.of_last) != (other.figure, other.of_last):
                continue
            note = Note("the first one is here", other_line.span)
            if (bound.operator, bound.severity) == (other.operator, other.severity):
                message = f"`{bound.name}` is bounded twice in the same way"
                hint = "two bounds on one metric differ in operator, severity or data, or one is `of last`"
                scope.report(error("E0423", message, line.span, notes=(note,), help=hint))
            elif _exclude(bound, other):
                message = f"no value of `{bound.name}` meets both bounds"
                scope.report(error("E0432", message, line.span, notes=(note,)))


def check_gain(scope: Scope, program: Program) -> None:
    """`gain` is recorded where a student learns; without that it could never be judged."""
    for budget in program.budgets.values():
        for bound in budget.bounds:
            if bound.definition.needs is Needs.control and not _distilled(program, budget.subject):
                message = f"`{bound.name}` is recorded by `distill`, and nothing on the way to `{budget.subject}` is distilled"
                scope.report(error("E0440", message, bound.span, help="leave the bound out, or add the pass"))


def _distilled(program: Program, name: str) -> bool:
    node = program.nodes.get(name)
    if node is None:
        return False
    return node.pass_name == "distill" or any(
        _distilled(program, binding) for names in node.inputs.values() for binding in names
    )


def _exclude(one: Bound, other: Bound) -> bool:
    if one.is_upper == other.is_upper or one.relative_to != other.relative_to:
        return False
    upper, lower = (one, other) if one.is_upper else (other, one)
    strict = Operator.lt in (upper.operator,) or Operator.gt in (lower.operator,)
    return lower.limit.base > upper.limit.base or (strict and lower.limit.base == upper.limit.base)
