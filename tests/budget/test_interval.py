from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.budget import Interval, finite

positive = st.floats(1e-6, 1e6)


@given(st.tuples(positive, positive, positive).map(sorted), positive)
def test_arithmetic_keeps_the_order(ends, factor: float) -> None:
    low, value, high = ends
    interval = Interval(value, low, high)
    for changed in (
        interval.scaled(factor),
        interval.inverted(factor),
        interval.hull(Interval.exact(factor)),
    ):
        assert changed.value is not None
        assert changed.low <= changed.high
    back = interval.inverted(factor).inverted(factor)
    assert back.value == pytest.approx(value)
    assert (back.low, back.high) == (pytest.approx(low), pytest.approx(high))


def test_what_is_unknown_stays_unknown() -> None:
    unknown = Interval.unknown("because")
    assert unknown.inverted().value is None
    assert unknown.scaled(2).high == math.inf
    assert finite(unknown.low, 1.0, unknown.high) == [None, 1.0, None]
