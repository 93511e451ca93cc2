"""What a good request is."""

from __future__ import annotations

from infopt_compiler.budget import Bound, BoundSeverity, Operator, request_limits
from infopt_compiler.units import parse_quantity


def _bound(text: str, **more) -> Bound:
    name, operator, limit = text.split(maxsplit=2)
    metric, _, aggregate = name.partition(".")
    return Bound(metric, Operator(operator), parse_quantity(limit), aggregate or None, **more)


def test_the_furthest_percentile_of_each_metric_counts():
    bounds = [
        _bound("ttft.p50 <= 200 ms"),
        _bound("ttft.p95 <= 600 ms"),
        _bound("ttft.mean <= 100 ms"),
        _bound("tpot.p50 < 20 ms"),
        _bound("latency.p99 <= 3 s"),
        _bound("latency.p99 < 2 s"),
    ]
    assert request_limits(bounds) == {"ttft": 0.6, "tpot": 0.02, "latency": 2.0}
    assert request_limits(reversed(bounds)) == request_limits(bounds)


def test_what_only_warns_compares_or_is_no_upper_bound_is_no_limit():
    bounds = [
        _bound("ttft.p95 <= 100 ms", severity=BoundSeverity.warn),
        _bound("tpot.p50 <= 90%", relative_to="base"),
        _bound("itl.p99 <= 102%", relative_to="last"),
        _bound("latency.p50 >= 1 ms"),
        _bound("decode.p50 <= 80 tok/s"),
        _bound("size <= 1 MB"),
    ]
    assert request_limits(bounds) == {}
