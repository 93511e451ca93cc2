"""Whether a server's queue grew while requests arrived, and what its waits say then."""

from __future__ import annotations

import math
from dataclasses import replace

from infopt_compiler.budget import Interval
from infopt_compiler.measure.serving.machine_state import trusted
from infopt_compiler.measure.serving.samples import BlockSamples
from infopt_compiler.metrics import METRICS, Direction

_ANSWERED = 0.9  # of what arrived: with less the queue is said to grow
_WITH_WAIT = (
    "ttft",
    "latency",
    "goodput",
)  # what a growing queue changes; the rest is measured from admission on


def answered(samples: BlockSamples) -> tuple[int, int] | None:
    """(requests answered while requests arrived, requests that arrived meanwhile) of all blocks that nobody disturbed;
    None where none had a queue."""
    blocks = [block for block in trusted(samples)[0].blocks if block.queue is not None]
    if not blocks:
        return None
    arrived = sum(len(block.requests) for block in blocks)
    return arrived - sum(block.queue[1] - block.queue[0] for block in blocks if block.queue), arrived


def is_overloaded(samples: BlockSamples) -> bool:
    """Clearly fewer requests are answered than arrive: the queue grows as long as that goes on."""
    found = answered(samples)
    return found is not None and found[0] < _ANSWERED * found[1]


def open_slow_end(interval: Interval, samples: BlockSamples, metric: str) -> Interval:
    """In overload waits grow with the length of the block, so what was seen is the least there is: nothing bounds it above."""
    found = answered(samples)
    if metric not in _WITH_WAIT or found is None or not is_overloaded(samples):
        return interval
    note = f"OVERLOADED: {found[0]} requests were answered while {found[1]} arrived, so the queue grows and waits without end"
    note = f"{interval.note}; {note}" if interval.note else note
    if METRICS[metric].direction is Direction.higher:
        return replace(interval, low=0.0, note=note)
    return replace(interval, high=math.inf, note=note)


def open_ratio(ratio: Interval, subject: BlockSamples, reference: BlockSamples, metric: str) -> Interval:
    """A ratio of what one or the other side's growing queue made of it."""
    if metric not in _WITH_WAIT:
        return ratio
    slow = METRICS[metric].direction is Direction.lower
    for side, word, is_subject in ((subject, "the subject", True), (reference, "the reference", False)):
        if is_overloaded(side):
            note = f"OVERLOADED: the queue of {word} grows"
            note = f"{ratio.note}; {note}" if ratio.note else note
            low, high = (ratio.low, math.inf) if slow is is_subject else (0.0, ratio.high)
            ratio = replace(ratio, low=low, high=high, note=note)
    return ratio
