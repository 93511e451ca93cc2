"""Checks the metric and the limit of a bound, wherever it stands."""

from __future__ import annotations

import math

from infopt_compiler.budget.bound import LAST
from infopt_compiler.diagnostics import did_you_mean, error
from infopt_compiler.metrics import METRICS, Direction, Metric
from infopt_compiler.sema.scope import Scope
from infopt_compiler.sema.values import literal, quantity
from infopt_compiler.syntax import ast
from infopt_compiler.syntax.words import suggest_metric
from infopt_compiler.units import Dimension, Quantity


def check_metric(scope: Scope, name: ast.Name) -> tuple[Metric, str | None] | None:
    """The metric and its aggregate; None where that was reported."""
    if name.text in METRICS:
        metric = METRICS[name.text]
        if not metric.aggregates:
            return metric, None
        choices = ", ".join(f"`{name.text}.{aggregate}`" for aggregate in metric.aggregates)
        message = f"`{name.text}` has many values: a bound says which"
        scope.report(error("E0421", message, name.span, help=f"write one of {choices}"))
        return None
    base, _, aggregate = name.text.rpartition(".")
    if base not in METRICS:
        hint = suggest_metric(name.text)
        scope.report(error("E0420", f"there is no metric `{name.text}`", name.span, help=hint))
        return None
    metric = METRICS[base]
    if aggregate in metric.aggregates:
        return metric, aggregate
    if metric.aggregates:
        hint = did_you_mean(aggregate, metric.aggregates)
        scope.report(error("E0422", f"`{base}` has no aggregate `{aggregate}`", name.span, help=hint))
    else:
        scope.report(
            error("E0422", f"`{base}` has one value, no `{aggregate}`", name.span, help=f"write `{base}`")
        )
    return None


# Of these zero is no value that anything has: even an empty file takes time to read. (A machine may cost nothing.)
_NEVER_ZERO = (Dimension.time, Dimension.bytes, Dimension.token_rate)
_NEVER_ZERO_METRICS = ("bits_per_weight", "bits_per_byte", "samples")
_ENDS = {
    "perplexity": (1.0, math.inf),
    "cosine": (-1.0, 1.0),
    "gain": (-math.inf, math.inf),
    "retention": (0.0, math.inf),
}


def check_limit(scope: Scope, metric: Metric, bound: ast.Bound) -> Quantity | None:
    """The limit in the dimension of the metric, or a share where it is `of` something; None where reported."""
    value = literal(scope, bound.limit)
    if isinstance(value, ast.Invalid):
        return None
    if bound.of is not None:
        return _relative(scope, metric, bound, value)
    is_share = isinstance(value, ast.Number) and value.quantity.dimension is Dimension.fraction
    if is_share and metric.dimension is not Dimension.fraction:
        text = value.span.text
        message = f"`{text}` of what? `{metric.name}` is no share"
        scope.report(error("E0428", message, value.span, help=f"write `{text} of NAME`"))
        return None
    limit = quantity(scope, value, metric.dimension, bound.metric.text)
    if limit is None or not _possible(scope, metric, limit, bound):
        return None
    return limit


def _relative(scope: Scope, metric: Metric, bound: ast.Bound, value: ast.Value) -> Quantity | None:
    assert bound.of is not None
    if bound.of.text != LAST and not _may_be_relative(scope, metric, bound.of):
        return None
    if not isinstance(value, ast.Number) or value.quantity.unit.name != "%":
        message = f"a limit `of {bound.of.text}` is a percentage"
        scope.report(error("E0428", message, value.span, help=f"write for example `105% of {bound.of.text}`"))
        return None
    if value.quantity.value <= 0:
        message = f"`{metric.name}` cannot be {value.quantity} of anything"
        scope.report(error("E0308", message, value.span))
        return None
    return value.quantity


def _may_be_relative(scope: Scope, metric: Metric, of: ast.Name) -> bool:
    """A metric that compares with a binding, or is a share, is not a percentage of another binding's as well."""
    if metric.of_binding or (metric.dimension is not Dimension.fraction and not metric.reference):
        return True
    why = "is a share already" if metric.dimension is Dimension.fraction else "compares already"
    message = f"`{metric.name}` {why}: a limit `of` something has no meaning here"
    hint = f"give the limit itself, or compare with the previous build: `of {LAST}`"
    scope.report(error("E0428", message, of.span, help=hint))
    return False


def _possible(scope: Scope, metric: Metric, limit: Quantity, bound: ast.Bound) -> bool:
    """The limit is a value that the metric may have, and there is one that meets it."""
    low, high = _ends(metric)
    if limit.base < low or limit.base > high:
        name = "negative" if low == 0 and limit.base < 0 else _side(metric, limit, low, high)
        scope.report(error("E0308", f"`{metric.name}` is never {name}", bound.limit.span))
        return False
    never_zero = metric.dimension in _NEVER_ZERO or metric.name in _NEVER_ZERO_METRICS
    strict = bound.operator in ("<", ">")
    is_upper = bound.operator in ("<", "<=")
    if (is_upper and limit.base == low and (strict or never_zero)) or (
        not is_upper and strict and limit.base == high
    ):
        message = f"nothing meets `{bound.metric.text} {bound.operator} {limit}`: {_why(metric, limit, is_upper, never_zero)}"
        scope.report(error("E0308", message, bound.limit.span))
        return False
    return True


def _ends(metric: Metric) -> tuple[float, float]:
    """The least and the largest value that there is."""
    return _ENDS.get(metric.name, (0.0, 1.0 if metric.dimension is Dimension.fraction else math.inf))


def _side(metric: Metric, limit: Quantity, low: float, high: float) -> str:
    ends = [
        f"{end * 100:g}%" if metric.dimension is Dimension.fraction else f"{end:g}" for end in (low, high)
    ]
    return f"below {ends[0]}" if limit.base < low else f"over {ends[1]}"


def _why(metric: Metric, limit: Quantity, is_upper: bool, never_zero: bool) -> str:
    if never_zero:
        return f"`{metric.name}` is never zero"
    return f"`{metric.name}` is never {'below' if is_upper else 'over'} {limit}"


def of_good_side(metric: Metric, aggregate: str | None) -> bool:
    """The percentile is of the best, where a user waits for the worst: `decode.p95` is what one request in 20 exceeds."""
    return metric.direction is Direction.higher and aggregate in ("p90", "p95", "p99", "max")


def against_direction(metric: Metric, operator: str) -> bool:
    """The bound demands that the metric be bad: `throughput <= 80 tok/s`."""
    return (metric.direction is Direction.lower) != (operator in ("<=", "<"))
