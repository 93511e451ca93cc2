"""Which layers each pipeline stage holds: contiguous, and the heaviest stage as light as it can be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


def balanced_stages(weights: Sequence[int], stages: int, first: int = 0, last: int = 0) -> tuple[range, ...]:
    """Ranges of layers, one layer each at least; `first` and `last` are what the end stages hold besides (embedding; head).

    The least possible maximum is found by bisection over what a stage may hold, filling greedily from the left; of all
    such cuts this is one, always the same. ValueError with fewer layers than stages.
    """
    if not 1 <= stages <= len(weights):
        raise ValueError(f"{len(weights)} layers make no {stages} stages")
    low, high = max(weights), sum(weights) + first + last
    while low < high:
        middle = (low + high) // 2
        if _fill(weights, stages, first, last, middle) is None:
            low = middle + 1
        else:
            high = middle
    found = _fill(weights, stages, first, last, low)
    assert found is not None  # everything fits into one stage's limit of the whole sum
    return found


def _fill(weights: Sequence[int], stages: int, first: int, last: int, limit: int) -> tuple[range, ...] | None:
    """Stages that hold at most `limit`, or None. Each takes what fits, but leaves a layer for every later one."""
    sums = [0, *accumulate(weights)]
    found, begin = [], 0
    for stage in range(stages):
        extra = (first if stage == 0 else 0) + (last if stage == stages - 1 else 0)
        end = bisect_right(sums, sums[begin] + limit - extra) - 1
        end = min(end, len(weights) - (stages - 1 - stage))
        if stage == stages - 1 and end < len(weights):
            return None
        if end <= begin:
            return None
        found.append(range(begin, end))
        begin = end
    return _even(weights, found, first, last, limit)


def _even(weights: Sequence[int], found: list[range], first: int, last: int, limit: int) -> tuple[range, ...]:
    """Move layers from the left to later stages while these stay within the limit: greedy filling starves the last."""
    held = [sum(weights[k] for k in part) for part in found]
    held[0] += first
    held[-1] += last
    for stage in range(len(found) - 1, 0, -1):
        while len(found[stage - 1]) > 1:
            moved = weights[found[stage - 1][-1]]
            if held[stage] + moved > limit or held[stage] + moved >= held[stage - 1]:
                break
            held[stage - 1], held[stage] = held[stage - 1] - moved, held[stage] + moved
            found[stage] = range(found[stage].start - 1, found[stage].stop)
            found[stage - 1] = range(found[stage - 1].start, found[stage - 1].stop - 1)
    return tuple(found)
