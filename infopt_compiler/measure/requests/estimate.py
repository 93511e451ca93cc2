"""From blocks of samples to the interval of a metric's aggregate, and of its ratio to a reference; what is left of it where a
server's queue grew while requests arrived."""

from __future__ import annotations

import math
import statistics as stdlib
from dataclasses import replace

from infopt_compiler.budget import Interval
from infopt_compiler.measure.serving.machine_state import is_busy, trusted
from infopt_compiler.measure.serving.samples import BlockSamples
from infopt_compiler.measure.statistics.limits import (
    QUANTILES,
    deviation,
    few_words,
    log_mean_interval,
    mean_interval,
    percentile_interval,
    samples_needed,
    t_quantile,
)
from infopt_compiler.measure.statistics.processes import process_limits, unseen
from infopt_compiler.metrics import METRICS, Direction

# More than two busy processes on two cores were seen to cost (docs/benchmarks.md), spinning barriers included.
MOST_SLOWDOWN = 10.0
_MEMORY = ("memory.peak", "memory.steady")


def estimate(
    samples: BlockSamples,
    metric: str,
    aggregate: str | None,
    confidence: float,
    asked: float | None = None,
) -> Interval:
    """`tpot`, `p50` → its interval: what the requests say and what the blocks (processes) say of drift.

    Blocks that others' work disturbed are left out, or leave the fast end of the interval open (`trusted`).
    `asked` is the confidence of all interim analyses together where `confidence` is that of one of them.
    """
    level = confidence if asked is None else asked
    if metric not in _MEMORY:
        samples, disturbed = trusted(samples)
        if disturbed:
            return open_fast_end(_estimate(samples, metric, aggregate, confidence, level), metric)
    return _estimate(samples, metric, aggregate, confidence, level)


def open_fast_end(interval: Interval, metric: str) -> Interval:
    """Others only make serving slower: the slow end stands, the fast end is moved by what others may have cost."""
    note = f"the machine was busy: how fast it is when it is not may be {MOST_SLOWDOWN:g} times that"
    note = f"{interval.note}; {note}" if interval.note else note
    if METRICS[metric].direction is Direction.higher:
        return replace(interval, high=interval.high * MOST_SLOWDOWN, note=note)
    return replace(interval, low=interval.low / MOST_SLOWDOWN, note=note)


def _estimate(
    samples: BlockSamples, metric: str, aggregate: str | None, confidence: float, asked: float
) -> Interval:
    blocks = [values for values in samples.values(metric) if values]
    if not blocks:
        return Interval.unknown(f"`{metric}` needs requests of at least two tokens", confidence=confidence)
    pooled = [value for values in blocks for value in values]
    if metric in _MEMORY:
        return _largest_process(pooled, confidence)
    if aggregate is None:
        return _rate(samples, metric, pooled, confidence)
    if aggregate == "max":
        return _largest(pooled, len(blocks))
    if aggregate == "mean":
        return _mean(blocks, pooled, confidence)
    found = _quantile(blocks, pooled, QUANTILES[aggregate], confidence, asked)
    return _of_requests(samples, found, QUANTILES[aggregate], asked) if metric == "itl" else found


def _of_requests(samples: BlockSamples, found: Interval, q: float, asked: float) -> Interval:
    """Gaps of one request are not independent: as many *requests* are needed as a percentile of requests needs."""
    requests = sum(len(block.requests) for block in samples.blocks)
    needed = max(samples_needed(q, found.confidence), samples_needed(1 - q, found.confidence))
    if requests >= needed:
        return found
    note = few_words(q, found.confidence, asked, "the gaps of {} requests", f"{requests} were made")
    return replace(found, value=None, low=0.0, high=math.inf, note=note)


def estimate_ratio(
    subject: BlockSamples,
    reference: BlockSamples,
    metric: str,
    aggregate: str | None,
    confidence: float,
    asked: float | None = None,
) -> Interval:
    """Subject over reference. Typical values pair the blocks that ran next to each other, so that drift cancels.

    Tail percentiles cannot be had from one block, and memory is that of the highest process: there the limits of the two
    intervals are divided, each at half the error.
    """
    level = confidence if asked is None else asked
    if aggregate in ("p90", "p95", "p99", "max") or metric in _MEMORY:
        half, whole = (1 - (1 - each) / 2 for each in (confidence, level))
        ends = (estimate(side, metric, aggregate, half, whole) for side in (subject, reference))
        return replace(quotient(*ends), confidence=confidence)
    subject, reference, dropped = _quiet_pairs(subject, reference)
    if dropped and len(subject.blocks) < 2:
        note = f"the machine was busy during {dropped} pairs of blocks, whose ratio says nothing"
        return Interval.unknown(note, blocks=len(subject.blocks), confidence=confidence)
    pairs = zip(subject.values(metric), reference.values(metric), strict=False)
    central = stdlib.fmean if aggregate == "mean" else stdlib.median
    ratios = [central(a) / central(b) for a, b in pairs if a and b]
    if len(ratios) < 2:
        return Interval.unknown(
            "a ratio needs two pairs of blocks", blocks=len(ratios), confidence=confidence
        )
    interval = log_mean_interval(ratios, confidence)
    words = f"ratio of neighbouring blocks, Student's t over {len(ratios)} pairs"
    count = len(subject.pooled(metric))
    found = replace(interval, estimator=words, samples=count, blocks=len(ratios))
    return unseen(found, len(ratios), 0.5, level) if aggregate == "p50" else found


def _quiet_pairs(subject: BlockSamples, reference: BlockSamples) -> tuple[BlockSamples, BlockSamples, int]:
    """Both sides without the pairs of which one was disturbed, and how many those are: it may be the slower or the faster."""
    pairs = list(zip(subject.blocks, reference.blocks, strict=False))
    quiet = [pair for pair in pairs if not any(is_busy(block.state) for block in pair)]
    left, right = (tuple(pair[side] for pair in quiet) for side in (0, 1))
    return replace(subject, blocks=left), replace(reference, blocks=right), len(pairs) - len(quiet)


def _quantile(
    blocks: list[list[float]], pooled: list[float], q: float, confidence: float, asked: float
) -> Interval:
    """Order statistics over all samples, widened by what the blocks show of differences between processes."""
    interval = replace(percentile_interval(pooled, q, confidence, asked), blocks=len(blocks))
    if len(blocks) == len(pooled):  # one sample a process: the order statistics already are between processes
        return interval
    low, high = process_limits(blocks, q, confidence) if len(blocks) > 1 else (0.0, math.inf)
    words = f"{interval.estimator}; widened by the differences of {len(blocks)} processes"
    wider = replace(interval.hull(replace(interval, low=low, high=high)), estimator=words)
    return unseen(wider, len(blocks), q, asked)


def _mean(blocks: list[list[float]], pooled: list[float], confidence: float) -> Interval:
    within = mean_interval(pooled, confidence)
    if len(blocks) < 2 or within.value is None:
        return Interval.unknown("a mean needs two processes", samples=len(pooled), confidence=confidence)
    between = mean_interval([stdlib.fmean(values) for values in blocks], confidence)
    words = f"mean, Student's t; hull of {len(pooled)} samples and {len(blocks)} processes"
    return replace(within.hull(between), estimator=words, blocks=len(blocks))


def _rate(samples: BlockSamples, metric: str, rates: list[float], confidence: float) -> Interval:
    return estimate_rate(samples, [[rate] for rate in rates], confidence)


def estimate_goodput(samples: BlockSamples, limits: dict[str, float], confidence: float) -> Interval:
    """Requests per second that stayed within all `limits` (metric → seconds)."""
    kept, disturbed = trusted(samples)
    found = estimate_rate(kept, kept.good_rates(limits), confidence)
    return open_fast_end(found, "goodput") if disturbed else found


def estimate_rate(samples: BlockSamples, rates: list[list[float]], confidence: float) -> Interval:
    """Something per second of wall time, one rate for each block: all blocks together; limits from the blocks' rates."""
    plain = [rate for block in rates for rate in block]
    wall = math.fsum(block.wall for block in samples.blocks)
    value = math.fsum(rate * block.wall for rate, block in zip(plain, samples.blocks, strict=True)) / wall
    requests = sum(len(block.requests) for block in samples.blocks)
    between = _between(plain, confidence)
    if between.value is None:
        return Interval.unknown(
            "a rate needs two processes", samples=requests, blocks=1, confidence=confidence
        )
    words = f"all of it over all wall time; Student's t over {len(plain)} processes"
    low, high = min(value, between.low), max(value, between.high)
    return Interval(value, low, high, confidence, words, requests, len(plain))


def _between(rates: list[float], confidence: float) -> Interval:
    """Of logarithms, as drift is a factor; of the rates themselves where one of them is zero."""
    if min(rates) > 0:
        return log_mean_interval(rates, confidence)
    found = mean_interval(rates, confidence)
    return replace(found, low=max(0.0, found.low)) if found.value is not None else found


def _largest(pooled: list[float], blocks: int) -> Interval:
    """A maximum has no interval without a distribution: it is what was seen, and says so."""
    value = max(pooled)
    note = f"the largest of {len(pooled)} observed: met or missed by those, it says nothing of requests that were not made"
    return Interval(value, value, value, 1.0, "observed maximum", len(pooled), blocks, note)


def _largest_process(values: list[float], confidence: float) -> Interval:
    """Memory: the highest process seen; the interval is where the next one lies, for the bound is on each of them."""
    value, n = max(values), len(values)
    if n < 2:
        return Interval(
            value, value, math.inf, confidence, "one process", 1, 1, "one process shows no spread"
        )
    far = t_quantile(confidence, n - 1) * deviation(values) * math.sqrt(1 + 1 / n)
    words = (
        f"highest of {n} processes; limits for the next one, hull of their range and Student's t prediction"
    )
    mean = stdlib.fmean(values)
    low, high = max(0.0, min(min(values), mean - far)), max(value, mean + far)
    return Interval(value, low, high, confidence, words, n, n)


def quotient(subject: Interval, reference: Interval) -> Interval:
    """Positive quantities: the subject's limits over the reference's opposite ones; not paired."""
    if subject.value is None or not reference.value:
        note = subject.note or reference.note or "the reference has no value"
        return Interval.unknown(note, samples=subject.samples, blocks=subject.blocks)
    low = subject.low / reference.high if math.isfinite(reference.high) else 0.0
    words = f"{subject.estimator}, divided by the reference's limits"
    value = subject.value / reference.value
    high = subject.high / reference.low if reference.low > 0 else math.inf
    notes = "; ".join(dict.fromkeys(side.note for side in (subject, reference) if side.note)) or None
    return Interval(value, low, high, subject.confidence, words, subject.samples, subject.blocks, notes)


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
