"""A share of a roof is no more than all of it."""

from __future__ import annotations

from infopt_compiler.budget import Interval
from infopt_compiler.measure.requests.instrument import _share


def test_what_others_left_open_ends_at_the_roof_and_more_than_it_says_why():
    opened = _share(Interval(0.4, 0.3, 4.0), "mbu")
    assert (opened.value, opened.low, opened.high, opened.note) == (0.4, 0.3, 1.0, None)
    above = _share(Interval(1.31, 1.2, 1.4, note="busy"), "mbu")
    assert (above.value, above.low, above.high) == (1.0, 1.0, 1.0)
    assert above.note is not None and above.note.startswith("busy; `mbu` came out as 1.31 times the roof")
    inside = Interval(0.4, 0.3, 0.5)
    assert _share(inside, "mfu") is inside
