"""Checks that what a budget bounds fits the model that is judged and the requests that are run: known once all passes are."""

from __future__ import annotations

from collections.abc import Mapping

from infopt_compiler.diagnostics import Diagnostic, error, warning
from infopt_compiler.metrics import METRICS, Metric, ModelKind, metrics_of
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.scope import Scope
from infopt_compiler.sema.specs import Chain
from infopt_compiler.syntax import ast

_BETWEEN_TOKENS = ("tpot", "itl", "decode", "mbu")


def check_fitting(
    scope: Scope,
    tree: ast.Recipe,
    chains: Mapping[str, tuple[Chain, ...]],
    scenarios: Mapping[str, Scenario],
) -> None:
    """Every bound of every budget, also of one in which something else is wrong."""
    for budget in tree.statements:
        if not isinstance(budget, ast.Budget):
            continue
        kind = _kind_of(chains.get(budget.subject.text, ()))
        scenario = scenarios.get(budget.under.text) if budget.under is not None else None
        if scenario is not None:
            _check_requests(scope, budget, scenario, chains.get(budget.subject.text, ()), kind)
        for line in budget.bounds.entries:
            metric = _metric(line.metric.text)
            if metric is None:
                continue
            if kind is not None and metric.only not in (None, kind):
                scope.report(_of_another_kind(budget, line, metric, kind))
            elif scenario is not None and metric.name in _BETWEEN_TOKENS and scenario.generate < 2:
                scope.report(_between(line, metric, scenario))


def _check_requests(
    scope: Scope, budget: ast.Budget, scenario: Scenario, chains: tuple[Chain, ...], kind: ModelKind | None
) -> None:
    """The requests of the scenario are such as the model can serve."""
    assert budget.under is not None
    context = min((chain.spec.context for chain in chains), default=0)
    if 0 < context < scenario.max_length:
        message = f"requests of `{scenario.name}` take {scenario.max_length} tokens, the context of `{budget.subject.text}` holds {context}"
        hint = "shorten `prompt`, `generate` or `context`"
        scope.report(error("E0446", message, budget.under.span, help=hint))
    elif kind is ModelKind.encoder and scenario.generate:
        message = f"`{scenario.name}` generates {scenario.generate} tokens, and `{budget.subject.text}` is an encoder"
        scope.report(warning("E0447", message, budget.under.span, help="write `generate = 0 tokens`"))


def _kind_of(chains: tuple[Chain, ...]) -> ModelKind | None:
    """The kind of model at the end of every way to a binding; None while it is unknown, or where the ways differ."""
    kinds = {ModelKind.decoder if chain.spec.family.generates else ModelKind.encoder for chain in chains}
    return kinds.pop() if len(kinds) == 1 else None


def _metric(name: str) -> Metric | None:
    return METRICS.get(name) or METRICS.get(name.rpartition(".")[0])


def _of_another_kind(budget: ast.Budget, line: ast.Bound, metric: Metric, kind: ModelKind) -> Diagnostic:
    names = ", ".join(f"`{name}`" for name in metrics_of(kind, metric.needs))
    what = "an encoder" if kind is ModelKind.encoder else "a decoder"
    message = f"`{line.metric.text}` cannot be measured: `{budget.subject.text}` is {what}"
    help = (
        f"{kind.value}s have {names}" if names else f"leave the bound out: {kind.value}s have nothing like it"
    )
    return error("E0441", message, line.metric.span, help=help)


def _between(line: ast.Bound, metric: Metric, scenario: Scenario) -> Diagnostic:
    message = (
        f"`{metric.name}` lies between two output tokens, and `{scenario.name}` generates {scenario.generate}"
    )
    return error("E0436", message, line.metric.span, help="write `generate = 2 tokens` or more")
