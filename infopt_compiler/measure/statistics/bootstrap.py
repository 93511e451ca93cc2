"""Limits by drawing whole documents, for statistics of text (E. Miller, Adding Error Bars to Evals, arXiv 2411.00640).

Ratios of sums over documents are studentized: each resample has a standard error in closed form, so the skew of few
documents shows (P. Hall, Theoretical Comparison of Bootstrap Confidence Intervals, Ann. Statist. 16, 1988). Positive
ones are resampled on logarithms, and the limits are not narrower than those of the mean of log-normal documents
(generalized confidence interval: K. Krishnamoorthy, T. Mathew, J. Statist. Plann. Inference 115, 2003). Quantiles have
no such standard error: percentiles of the resamples, widened for few documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from infopt_compiler.budget import Interval
from infopt_compiler.measure.statistics.limits import samples_needed, share_limits, t_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST_DOCUMENTS = 8  # with fewer, what they consist of is drawn instead, and the estimator says so
MOST_RESAMPLES = 20_000
_BEYOND = 20  # resamples that are to lie outside a limit, for it not to hang on a few of them


def resamples_needed(confidence: float, resamples: int) -> int:
    """The settings' number, or as many as the confidence takes."""
    return max(resamples, min(MOST_RESAMPLES, math.ceil(_BEYOND / (1 - confidence) - 1e-6)))


class Clusters:
    """What was drawn together, and how often in each resample (row 0: once each, the data itself).

    `names` is the document of each window or sentence; `unit` is what those are called.
    """

    def __init__(
        self, names: Sequence[str], unit: str, confidence: float, resamples: int, seed: int, samples: int
    ) -> None:
        import numpy as np

        self.confidence, self.samples = confidence, samples
        documents = sorted(set(names))
        self.by_document = len(documents) >= FEWEST_DOCUMENTS
        self.unit = "documents" if self.by_document else unit
        number = {name: index for index, name in enumerate(documents)}
        self.cluster = [number[name] if self.by_document else k for k, name in enumerate(names)]
        self.count, self.resamples = len(set(self.cluster)), resamples_needed(confidence, resamples)
        self.rng = np.random.default_rng(seed)
        drawn = self.rng.multinomial(self.count, [1 / self.count] * self.count, size=self.resamples)
        self.multiplicity = np.vstack([np.ones(self.count), drawn]).astype(np.float64)

    def summed(self, values: Sequence[float]) -> Array:
        """The values of windows or sentences, summed over each cluster."""
        import numpy as np

        return np.bincount(self.cluster, weights=np.asarray(values), minlength=self.count).astype(np.float64)

    def ratio(
        self, numerator: Array, denominator: Array, back: Callable[[float], float], words: str
    ) -> Interval:
        """Sum over sum; `back` is a monotone function of it."""
        theta = float(numerator.sum() / denominator.sum())
        if self.count < 2:
            return self._interval(theta, (-math.inf, math.inf), back, words)
        positive = bool((numerator > 0).all() and (denominator > 0).all())
        ends = studentized(self, numerator, denominator, positive)
        if positive:
            ends = _hull(ends, self._lognormal(numerator / denominator))
        return self._interval(theta, _hull(ends, (theta, theta)), back, f"{words}, studentized")

    def percentiles(
        self, statistic: Callable[[Any], Any], back: Callable[[float], float], words: str
    ) -> Interval:
        """Any `statistic` of multiplicities (resamples, clusters) on a scale where errors are even; `back` from it.

        Few clusters make the bootstrap too narrow, by (n - 1)/n in variance and by the normal tail: both made good.
        """
        import numpy as np

        value, *values = np.asarray(statistic(self.multiplicity), dtype=np.float64).tolist()
        if self.count < 2:
            return self._interval(value, (-math.inf, math.inf), back, words)
        low, high = np.quantile(values, [1 - self.confidence, self.confidence])
        t, z = t_quantile(self.confidence, self.count - 1), NormalDist().inv_cdf(self.confidence)
        wider = t / z * math.sqrt(self.count / (self.count - 1))
        ends = (value - wider * max(0.0, value - float(low)), value + wider * max(0.0, float(high) - value))
        return self._interval(value, ends, back, words)

    def quantile(self, values: Sequence[float], cluster: Sequence[int], q: float, unit: str) -> Interval:
        """The smallest of the drawn values with a share q of them at or below it; `cluster` has the number of each value's cluster,
        `unit` what the values are of. Nothing where they are too few: they need not hold one of that share's far side."""
        needed, name = samples_needed(max(q, 1 - q), self.confidence), f"p{q * 100:g}"
        if len(values) < needed:
            note = f"{name} needs {needed} {unit} at {self.confidence:.4g} confidence, the text gave {len(values)}"
            return Interval.unknown(note, samples=len(values), blocks=self.count, confidence=self.confidence)
        return self.percentiles(weighted_quantiles(values, cluster, q), float, f"{name} over {unit}")

    def mean_share(self, shares: Sequence[float], words: str) -> Interval:
        """Mean of shares, one of each that was drawn; never nearer than the exact limits of a share of as many clusters: of few that
        have any a bootstrap sees too little."""
        sums, counts = self.summed(shares), self.summed([1.0] * len(shares))
        found = self.percentiles(lambda m: (m @ sums) / (m @ counts), float, words)
        low, high = share_limits((found.value or 0.0) * self.count, self.count, self.confidence)
        return replace(
            found,
            low=max(0.0, min(found.low, low)),
            high=min(1.0, max(found.high, high)),
            estimator=f"{found.estimator}, and exact limits of a share",
        )

    def _lognormal(self, each: Array) -> tuple[float, float]:
        """Limits of the mean of what is log-normal, of which `each` are samples."""
        import numpy as np

        logs, df = np.log(each), self.count - 1
        spread, chi = float(logs.std(ddof=1)), self.rng.chisquare(df, self.resamples) / df
        normal = self.rng.standard_normal(self.resamples)
        drawn = logs.mean() + spread * normal / np.sqrt(chi * self.count) + spread**2 / chi / 2
        low, high = np.quantile(drawn, [1 - self.confidence, self.confidence])
        return math.exp(max(-700.0, float(low))), math.exp(float(high)) if high < 700 else math.inf

    def _interval(
        self, value: float, ends: tuple[float, float], back: Callable[[float], float], words: str
    ) -> Interval:
        low, high = sorted(back(end) if math.isfinite(end) else end for end in ends)
        words = f"{words}, bootstrap over {self.count} {self.unit}"
        return Interval(
            back(value), low, high, self.confidence, words, self.samples, self.count, self._note()
        )

    def _note(self) -> str | None:
        notes = []
        if not self.by_document:
            notes.append(
                f"few documents: {self.unit} were drawn, dependence inside a document is not covered"
            )
        if (1 - self.confidence) * self.resamples < _BEYOND - 1e-6:
            few = f"{(1 - self.confidence) * self.resamples:.3g} of {self.resamples}"
            notes.append(f"so high a confidence rests on few resamples: {few} lie beyond a limit")
        return "; ".join(notes) or None


def studentized(
    clusters: Clusters, numerator: Array, denominator: Array, positive: bool
) -> tuple[float, float]:
    """Bootstrap-t limits of a ratio of sums (on its logarithm if `positive`, else not within Student's t)."""
    import numpy as np

    m, n = clusters.multiplicity, clusters.count
    below = m @ denominator
    theta = (m @ numerator) / below
    # Residuals squared and summed, as each resample counts them.
    squares = m @ numerator**2 - 2 * theta * (m @ (numerator * denominator)) + theta**2 * (m @ denominator**2)
    noise = 1e-14 * (m @ numerator**2)  # of rounding: equal documents differ by nothing
    error = np.sqrt(np.where(squares > noise, squares, 0.0) * n / (n - 1)) / below
    scale, moved = (error / theta, np.log(theta / theta[0])) if positive else (error, theta - theta[0])
    if not scale[0] > 0:
        return float(theta[0]), float(theta[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(moved[1:] / scale[1:], nan=0.0, posinf=math.inf, neginf=-math.inf)
    tails = np.quantile(t, [1 - clusters.confidence, clusters.confidence], method="inverted_cdf")
    down, up = (float(scale[0] * tail) for tail in (tails[1], tails[0]))
    if positive:
        factors = (math.exp(-min(max(move, -700.0), 700.0)) for move in (down, up))
        low, high = (float(theta[0]) * factor for factor in factors)
        return low, math.inf if up == -math.inf else high
    half = t_quantile(clusters.confidence, n - 1) * float(scale[0])
    value = float(theta[0])
    return _hull((value - down, value - up), (value - half, value + half))


def weighted_quantiles(values: Sequence[float], cluster: Sequence[int], q: float) -> Callable[[Array], Array]:
    """The statistic of multiplicities: the smallest value with a share q of all that were drawn at or below it."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered, of_ordered = np.asarray(values, dtype=np.float64)[order], np.asarray(cluster)[order]

    def statistic(multiplicity: Array) -> Array:
        found = []
        for weights in multiplicity:
            reached = np.cumsum(weights[of_ordered])
            at = int(np.searchsorted(reached, q * reached[-1] - 1e-9))
            found.append(ordered[min(at, len(ordered) - 1)])
        return np.array(found)

    return statistic


def _hull(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])
