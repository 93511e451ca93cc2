"""Percentiles over requests of all processes, where requests of one process are alike.

What so few processes say is limited in two ways. Requests of one process count for less than as many of different
ones: order statistics take their ranks from an effective number (E. L. Korn, B. I. Graubard, Survey Methodology 24,
1998). And a kind of process that none of those seen belongs to says nothing at all: `unseen`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from infopt_compiler.budget import Interval
from infopt_compiler.measure.statistics.limits import (
    drift_limits,
    percentile,
    ranks,
    samples_needed,
    t_quantile,
)

Blocks = Sequence[Sequence[float]]

# A kind of process that at least every fifth belongs to is to be seen before a tail is judged; a median, which only
# half of all processes can move, asks for every second. Rarer ones are not asked for: docs/measuring.md.
RAREST_KIND = 0.2
# How much slower or faster processes of a kind that was not seen are taken to be, at most.
MOST_UNSEEN = 3.0


def processes_needed(q: float, confidence: float) -> tuple[int, int]:
    """Processes from which on the lower and the upper limit of the q-quantile may lie close by.

    Requests of one process may all be slow together. A kind of process that moves the q-quantile up by being slow has a
    share of 1 - q at least; n processes show none of it with a probability of q^n.
    """
    most = 1 - RAREST_KIND
    return samples_needed(min(1 - q, most), confidence), samples_needed(min(q, most), confidence)


def unseen(interval: Interval, processes: int, q: float, asked: float) -> Interval:
    """The interval, opened on the sides for which `processes` are too few to have shown what may lie there.

    `asked` is the confidence of all interim analyses together: what n processes have not shown more of them only show more often.
    """
    if interval.value is None:
        return interval
    down, up = processes_needed(q, asked)
    low, high = interval.low, interval.high
    if processes < down:
        low = min(low, interval.value / MOST_UNSEEN)
    if processes < up:
        high = max(high, interval.value * MOST_UNSEEN)
    if (low, high) == (interval.low, interval.high):
        return interval
    kind = "second" if up == samples_needed(0.5, asked) else "fifth"
    note = (
        f"{processes} processes need not show a kind that every {kind} is of ({max(down, up)} do at {asked:.4g} "
        f"confidence): the limit allows for ones {MOST_UNSEEN:g} times as slow or fast"
    )
    notes = f"{interval.note}; {note}" if interval.note else note
    return Interval(
        interval.value, low, high, interval.confidence, interval.estimator, interval.samples, interval.blocks, notes
    )  # fmt: skip


def effective_samples(blocks: Blocks, threshold: float, confidence: float) -> float:
    """How many independent requests say as much about the share over `threshold` as these do.

    The design effect is the variance of the blocks' shares over that of independent requests; (z/t)² because few blocks
    do not tell that variance well.
    """
    n, total = len(blocks), sum(map(len, blocks))
    over = [sum(value > threshold for value in block) for block in blocks]
    share = sum(over) / total
    if n < 2 or not 0 < share < 1:
        return float(n)
    size = total / n
    between = sum((count - share * len(block)) ** 2 for count, block in zip(over, blocks, strict=True))
    effect = between / (n - 1) / (size * share * (1 - share))
    z, t = NormalDist().inv_cdf(confidence), t_quantile(confidence, n - 1)
    return total / max(1.0, effect) * (z / t) ** 2


def clustered_limits(blocks: Blocks, q: float, confidence: float) -> tuple[float | None, float | None]:
    """Limits of the q-quantile over requests by order statistics of the effective number; None: out of their reach."""
    ordered = sorted(value for block in blocks for value in block)
    effective = max(1, math.floor(effective_samples(blocks, percentile(ordered, q), confidence)))
    lower, upper = ranks(effective, q, confidence)
    # The same share of all samples, rounded outwards.
    low = ordered[math.floor((lower - 1) / effective * len(ordered))] if lower else None
    high = ordered[math.ceil(upper / effective * len(ordered)) - 1] if upper else None
    return low, high


def process_limits(blocks: Blocks, q: float, confidence: float) -> tuple[float, float]:
    """Limits of the q-quantile over requests of all processes, from two blocks on: the wider of two ways on each side.

    One takes the processes' medians for log-normal (`drift_limits`), and scatter and tails about them as far as they
    differ between processes. The other takes nothing for granted; where it has too few requests, the slowest (fastest)
    process seen stands in, so that one which is unlike all others counts whole.
    """
    medians = [max(percentile(sorted(block), 0.5), 1e-300) for block in blocks]
    rest = [[value / median for value in block] for block, median in zip(blocks, medians, strict=True)]
    ordered = sorted(value for block in rest for value in block)
    typical = max(percentile(ordered, q), 1e-300)
    low, high = clustered_limits(rest, q, confidence)
    inner, outer = (ordered[0] if low is None else low), (ordered[-1] if high is None else high)
    within = (typical / inner if inner > 0 else math.inf, outer / typical)
    found = drift_limits(blocks, q, confidence, within)
    free = clustered_limits(blocks, q, confidence)
    return (
        min(found[0], min(medians) * typical if free[0] is None else free[0]),
        max(found[1], max(medians) * typical if free[1] is None else free[1]),
    )
