"""Intervals from samples. Each limit is one-sided and holds with the stated confidence.

Percentiles: order statistics with exact binomial ranks, free of any distribution (H. A. David, H. N. Nagaraja,
Order Statistics, 3rd ed., 7.1); the sample counts are those of MLPerf Inference's early stopping (arXiv
1911.02549). Means over processes: Student's t. Distributions are scipy's, imported where they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

from infopt_compiler.budget import Interval


@lru_cache(maxsize=256)
def samples_needed(q: float, confidence: float) -> int:
    """Least n for which no sample over a limit shows that the q-quantile is not over it: q^n <= 1 - confidence."""
    return max(1, math.ceil(math.log1p(-confidence) / math.log(q) - 1e-9))


@lru_cache(maxsize=1024)
def ranks(n: int, q: float, confidence: float) -> tuple[int | None, int | None]:
    """1-based ranks of the order statistics that bound the q-quantile from below and from above; None: too few.

    Below: the largest k with P(Bin(n, q) >= k) >= confidence. Above: the smallest k with P(Bin(n, q) < k) >= confidence.
    """
    import numpy as np
    from scipy.special import bdtr, bdtrc

    k = np.arange(1, n + 1)
    certain = k[bdtrc(k - 1, n, q) >= confidence]  # P(Bin >= k)
    enough = k[bdtr(k - 1, n, q) >= confidence]  # P(Bin < k)
    return (int(certain[-1]) if certain.size else None, int(enough[0]) if enough.size else None)


@lru_cache(maxsize=1024)
def share_limits(right: float, n: int, confidence: float) -> tuple[float, float]:
    """Exact limits (Clopper, Pearson) of a share of which `right` of `n` were seen; a part of one counts against either limit."""
    from scipy.special import betaincinv

    least, most = math.floor(right + 1e-9), math.ceil(right - 1e-9)
    low = float(betaincinv(least, n - least + 1, 1 - confidence)) if least > 0 else 0.0
    high = float(betaincinv(most + 1, n - most, confidence)) if most < n else 1.0
    return low, high


QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}


def percentile(ordered: Sequence[float], q: float) -> float:
    """The smallest sample with at least a share q of all at or below it (inverse of the empirical distribution)."""
    return ordered[max(0, math.ceil(q * len(ordered) - 1e-9) - 1)]


def few_words(q: float, confidence: float, asked: float, what: str, had: str) -> str:
    """Why there is no percentile: what it takes at the confidence asked for, and at an interim analysis that may not spend all of it."""
    needed, here = (max(samples_needed(q, c), samples_needed(1 - q, c)) for c in (asked, confidence))
    words = f"p{q * 100:g} needs {what.format(needed)} at {asked:.4g} confidence"
    more = (
        f" in a single analysis ({here} at this one of several, which share the error)"
        if here > needed
        else ""
    )
    return f"{words}{more}, {had}"


def percentile_interval(
    samples: Sequence[float], q: float, confidence: float, asked: float | None = None
) -> Interval:
    """The q-quantile with distribution-free limits. Too few samples: no value, the limit that is missing infinite.

    `asked` is the confidence of all interim analyses together where `confidence` is that of one of them.
    """
    ordered, n = sorted(samples), len(samples)
    lower, upper = ranks(n, q, confidence)
    low = ordered[lower - 1] if lower else -math.inf
    high = ordered[upper - 1] if upper else math.inf
    label = f"p{q * 100:g}"
    if lower is None or upper is None:
        note = few_words(
            q, confidence, confidence if asked is None else asked, "{} samples", f"{n} were taken"
        )
        return Interval(None, low, high, confidence, "order statistics, too few samples", n, 1, note)
    words = f"{label} by order statistics (ranks {lower} and {upper} of {n})"
    return Interval(percentile(ordered, q), low, high, confidence, words, n)


def mean_interval(samples: Sequence[float], confidence: float) -> Interval:
    """The mean with Student's t; two samples at least, else no value."""
    n = len(samples)
    if n < 2:
        return Interval.unknown("a mean needs two samples", samples=n, confidence=confidence)
    mean = math.fsum(samples) / n
    half = t_quantile(confidence, n - 1) * deviation(samples) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, confidence, f"mean, Student's t over {n}", n, n)


def drift_factor(block_values: Sequence[float], confidence: float) -> float:
    """How far a typical value may move with the process: exp of the t half-width over the logs of the blocks' values.

    Infinite for fewer than two blocks: nothing is known of other processes then.
    """
    n = len(block_values)
    if n < 2:
        return math.inf
    logs = [math.log(max(value, 1e-300)) for value in block_values]
    return math.exp(min(700.0, t_quantile(confidence, n - 1) * deviation(logs) / math.sqrt(n)))


def drift_limits(
    blocks: Sequence[Sequence[float]], q: float, confidence: float, within: tuple[float, float]
) -> tuple[float, float]:
    """Limits of the q-quantile over requests of *all* processes, where each process has a speed of its own.

    Few processes do not show the slow ones of many: six see a p95 process one time in four. Drift is taken to be
    log-normal, what is left within a block is kept as it was seen. The quantile of their sum is moved by what the
    tolerance factors of a normal distribution allow for so few processes (noncentral t; G. J. Hahn, W. Q. Meeker,
    Statistical Intervals, 4.4); for q = 0.5 this is Student's t on the logarithms of the blocks' medians.
    `within` are the factors, down and up, that the scatter of requests allows for; both errors add in squares
    (on logarithms; the method of variance estimates recovery, G. Y. Zou, A. Donner, Statist. Med. 27, 2008).
    """
    n = len(blocks)
    if n < 2:
        return 0.0, math.inf
    medians = [math.log(max(percentile(sorted(block), 0.5), 1e-300)) for block in blocks]
    centre, spread = math.fsum(medians) / n, deviation(medians)
    rest = [
        math.log(max(value, 1e-300)) - median
        for block, median in zip(blocks, medians, strict=True)
        for value in block
    ]
    # The medians scatter by the requests as well; left in, that would lift the lower limit of a tail.
    own = math.sqrt(max(0.0, spread**2 - math.pi / 2 * deviation(rest) ** 2 * n / len(rest)))
    slow, fast = (centre + _blurred_quantile(rest, drift, q) for drift in (spread, own))
    normal = NormalDist().inv_cdf(q)
    between = (abs(tolerance_factor(n, q, level) - normal) * spread for level in (1 - confidence, confidence))
    down, up = (math.hypot(math.log(factor), drift) for factor, drift in zip(within, between, strict=True))
    return math.exp(max(-700.0, min(slow, fast) - down)), math.exp(min(700.0, max(slow, fast) + up))


def _blurred_quantile(values: Sequence[float], spread: float, q: float) -> float:
    """The q-quantile of `values` plus normal noise of standard deviation `spread`."""
    ordered = sorted(values)
    if spread <= 0.0:
        return percentile(ordered, q)
    most = 400  # even ranks of more samples say the same
    thin = ordered if len(ordered) <= most else [percentile(ordered, (k + 0.5) / most) for k in range(most)]
    normal = NormalDist()
    low, high = thin[0] - 9 * spread, thin[-1] + 9 * spread
    for _ in range(40):
        middle = (low + high) / 2
        below = math.fsum(normal.cdf((middle - value) / spread) for value in thin) < q * len(thin)
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=512)
def tolerance_factor(n: int, q: float, confidence: float) -> float:
    """k for which mean + k deviations of n normal samples lies over the q-quantile with `confidence`."""
    from scipy.special import nctdtrit

    shift = NormalDist().inv_cdf(q) * math.sqrt(n)
    return float(nctdtrit(n - 1, shift, confidence)) / math.sqrt(n)


def log_mean_interval(values: Sequence[float], confidence: float) -> Interval:
    """Geometric mean of positive values (ratios, rates) with t limits on their logarithms."""
    inner = mean_interval([math.log(value) for value in values], confidence)
    if inner.value is None:
        return inner
    value, low, high = (math.exp(end) for end in (inner.value, inner.low, inner.high))
    words = f"geometric mean, Student's t over {len(values)}"
    return Interval(value, low, high, confidence, words, len(values), len(values))


def interim_confidence(confidence: float, analysis: int, *, last: bool) -> float:
    """Confidence at interim analysis number `analysis` (from 1) of a group sequential test whose analyses together err at most 1 - confidence.

    Alpha spending (Lan and DeMets 1983): each analysis spends half of the error that is left, the final one all. Whether it is final must
    depend on the clock alone, never on the data.
    """
    left = (1.0 - confidence) / 2 ** (analysis - 1)
    return float(1.0 - (left if last else left / 2))


def deviation(samples: Sequence[float]) -> float:
    """Sample standard deviation (n - 1)."""
    n = len(samples)
    mean = math.fsum(samples) / n
    return math.sqrt(math.fsum((x - mean) ** 2 for x in samples) / (n - 1)) if n > 1 else math.inf


@lru_cache(maxsize=256)
def t_quantile(p: float, df: int) -> float:
    """Student's t quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(df, p))
