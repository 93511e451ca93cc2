"""A block of a `server` scenario: how many requests arrive, which of them count, and how long the queue was. Part of the
serving process.

A block begins with an empty queue, and the first requests find it shorter than later ones do: they are served and do
not count. What counts must be long enough for a queue to show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from infopt_compiler.measure.serving.samples import Request

LEAST_ARRIVALS = 30  # counted requests of a block
MOST_REQUESTS = 72  # of a block, ramp-up included
_MOST_ARRIVALS = 60
_SERVICE_TIMES = 8  # that the counted arrivals last, at least, unless they are the most
_RAMP = 0.2  # further requests in front of the counted ones, as a share of them
_ANSWERED = 0.9  # of what arrived: with less the queue is said to grow
_WITH_WAIT = (
    "ttft",
    "latency",
    "goodput",
)  # what a growing queue changes; the rest is measured from admission on


@dataclass(frozen=True)
class BlockPlan:
    """`ramp` requests that do not count, then `counted` that do."""

    ramp: int
    counted: int

    @property
    def total(self) -> int:
        return self.ramp + self.counted


def plan_block(requests: int, least: int, rate: float, service: float) -> BlockPlan:
    """At least `least` counted requests, and so many that they arrive over several of `service`, the seconds that one
    request takes alone; with `least` 0 just `requests`, all counted."""
    if least == 0:
        return BlockPlan(0, requests)
    counted = max(requests, least, min(_MOST_ARRIVALS, math.ceil(_SERVICE_TIMES * rate * service)))
    return BlockPlan(math.ceil(_RAMP * counted), counted)


@dataclass
class Window:
    """Gathers the requests of a block that `planned` seconds after its start arrive, and says what counts."""

    plan: BlockPlan
    planned: list[float]
    requests: list[Request] = field(default_factory=list)

    @property
    def begin(self) -> float:
        """When the first counted request arrives: without a ramp-up the block's start."""
        return self.planned[self.plan.ramp] if self.plan.ramp else 0.0

    def close(self, done: Callable[[Request], None]) -> tuple[float, tuple[int, int]]:
        """Hands on what counts, in the order of arrival. Wall seconds from the first counted arrival to the last answer,
        and how many requests were there, unanswered, at the first and at the last counted arrival."""
        ordered = sorted(self.requests, key=lambda request: request.arrived)
        counted = ordered[self.plan.ramp :]
        for request in counted:
            done(request)
        end = max(request.arrived + request.latency for request in counted)
        ends = counted[0].arrived, counted[-1].arrived
        return end - self.begin, (_unanswered(ordered, ends[0]), _unanswered(ordered, ends[1]))


def _unanswered(requests: list[Request], at: float) -> int:
    return sum(request.arrived < at < request.arrived + request.latency for request in requests)
