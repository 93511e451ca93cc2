"""Stages are contiguous, cover every layer, and the heaviest is as light as any cut can make it."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.targets.stages import balanced_stages


def heaviest(weights, stages, first, last):
    held = [sum(weights[k] for k in part) for part in stages]
    held[0] += first
    held[-1] += last
    return max(held)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=7),
    st.integers(1, 7),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_no_cut_is_better(weights, count, first, last):
    count = min(count, len(weights))
    found = balanced_stages(weights, count, first, last)
    assert [k for part in found for k in part] == list(range(len(weights))) and all(found)
    every = (
        [range(a, b) for a, b in zip((0, *cut), (*cut, len(weights)), strict=True)]
        for cut in combinations(range(1, len(weights)), count - 1)
    )
    assert heaviest(weights, found, first, last) == min(heaviest(weights, one, first, last) for one in every)


def test_equal_layers_are_spread_evenly():
    assert [len(part) for part in balanced_stages([10] * 30, 2)] == [15, 15]
    assert [len(part) for part in balanced_stages([10] * 30, 4)] == [8, 8, 7, 7]
