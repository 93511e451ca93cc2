"""Checks `require = perplexity <= 18`: bounds as the parameter of a pass."""

from __future__ import annotations

from typing import Any

from infopt_compiler.diagnostics import error
from infopt_compiler.sema.metrics import check_limit, check_metric
from infopt_compiler.sema.scope import Scope
from infopt_compiler.sema.slot import Slot
from infopt_compiler.sema.values import BAD, describe
from infopt_compiler.syntax import ast


def check_requirement(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    """The bounds as canonical texts, `["perplexity <= 18"]`; BAD where something was reported."""
    items = value.items if isinstance(value, ast.List) else (value,)
    texts = [_one(scope, slot, item) for item in items]
    return BAD if any(text is BAD for text in texts) else texts


def _one(scope: Scope, slot: Slot, value: ast.Value) -> Any:
    if isinstance(value, ast.Invalid):
        return BAD
    if not isinstance(value, ast.Bound):
        message = f"`{slot.name}` takes bounds, not {describe(value)}"
        scope.report(error("E0303", message, value.span, help="write for example `perplexity <= 18`"))
        return BAD
    clause = next((c for c in (value.of, value.on, value.vs, value.at) if c is not None), None)
    if clause is not None:
        message = f"a bound in `{slot.name}` has no clauses: it holds of each candidate alone"
        scope.report(error("E0426", message, clause.span, help="compare with other bindings in a budget"))
        return BAD
    resolved = check_metric(scope, value.metric)
    limit = check_limit(scope, resolved[0], value) if resolved is not None else None
    if resolved is None or limit is None:
        return BAD
    if resolved[0].reference:
        message = f"`{resolved[0].name}` compares with a reference, which `{slot.name}` does not have"
        scope.report(error("E0426", message, value.metric.span))
        return BAD
    return f"{value.metric.text} {value.operator} {limit}"
