"""What a good request is: the budget's own limits on one request, for `goodput`."""

from __future__ import annotations

from collections.abc import Iterable

from infopt_compiler.budget.bound import Bound, BoundSeverity
from infopt_compiler.metrics import LATENCY_METRICS

# Of several bounds on a metric that of the furthest percentile counts: half of the requests may be over a p50.
_FURTHEST = ("max", "p99", "p95", "p90", "p50", "mean")


def request_limits(bounds: Iterable[Bound]) -> dict[str, float]:
    """Seconds by metric that a good request stays within: the upper bounds that count (no `warn`) and are not relative;
    of a metric the one of the furthest percentile, of two alike the tighter."""
    found: dict[str, tuple[int, float]] = {}
    for bound in bounds:
        if is_request_limit(bound):
            mine = (_FURTHEST.index(bound.aggregate or "mean"), bound.limit.base)
            found[bound.metric] = min(mine, found.get(bound.metric, mine))
    return {metric: limit for metric, (_, limit) in found.items()}


def is_request_limit(bound: Bound) -> bool:
    """The bound says how long one request may take, and a build fails by it."""
    absolute = bound.is_upper and bound.relative_to is None
    return absolute and bound.metric in LATENCY_METRICS and bound.severity is BoundSeverity.error
