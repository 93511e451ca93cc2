"""Intervals of quality metrics: a bootstrap that draws whole documents, model and reference together.

Tokens of one document depend on each other, so documents are the unit (E. Miller, Adding Error Bars to Evals,
arXiv 2411.00640); perplexity and its ratio to the reference come from the same draws (paired).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from infopt_compiler.budget import Interval
from infopt_compiler.measure.estimate import QUANTILES
from infopt_compiler.measure.quality_result import QualityResult, WindowScore
from infopt_compiler.measure.statistics import samples_needed, t_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_FEWEST_DOCUMENTS = 8  # with fewer, windows are drawn instead, and the estimator says so
QUALITY_METRICS = ("perplexity", "bits_per_byte", "kl", "top1")


def estimate_quality(
    result: QualityResult, metric: str, aggregate: str | None, confidence: float, *, resamples: int, seed: int
) -> Interval:
    """`kl`, `mean` → its interval; KeyError for a metric that is not one of quality."""
    if metric == "kl" and aggregate == "max":
        value = max(result.kl_tokens())
        note = f"the largest of {result.tokens} tokens of this text"
        return Interval(
            value, value, value, 1.0, "observed maximum", result.tokens, len(result.windows), note
        )
    draws = Draws(result, confidence, resamples, seed)
    if metric == "kl" and aggregate in QUANTILES:
        return _kl_quantile(draws, QUANTILES[aggregate])
    return _LINEAR[metric](draws)


def estimate_quality_ratio(
    result: QualityResult, metric: str, confidence: float, *, resamples: int, seed: int
) -> Interval:
    """The model's perplexity over its reference's (or bits per byte), paired; the result must have a reference."""
    draws = Draws(result, confidence, resamples, seed)
    own, other = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.reference_nll or 0.0)
    if metric == "perplexity":
        tokens = draws.sums(lambda w: w.tokens)
        return draws.interval(lambda m: (m @ (own - other)) / (m @ tokens), _exp, "paired ratio")
    if metric == "bits_per_byte":
        return draws.interval(lambda m: _log((m @ own) / (m @ other)), _exp, "paired ratio")
    raise KeyError(metric)


def paired_bits_per_byte(
    current: QualityResult, other: QualityResult, confidence: float, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Bits per byte of `other` over `current`, for models of different tokenizers: paired by document.

    Windows of different tokenizers hold different pieces of a document; each document's own bits per byte is what is compared.
    """
    sides = [_by_document(side) for side in (current, other)]
    shared = sorted(set(sides[0]) & set(sides[1]))
    if not shared:
        return Interval.unknown("no document is in the windows of both models", confidence=confidence)
    rows = tuple(
        WindowScore(name, 0, sides[1][name][1], sides[1][name][1], sides[1][name][0],
                    sides[0][name][0] / sides[0][name][1] * sides[1][name][1], (), 0, "")
        for name in shared
    )  # fmt: skip
    merged = QualityResult(rows, {}, current.policy)
    return estimate_quality_ratio(merged, "bits_per_byte", confidence, resamples=resamples, seed=seed)


def _by_document(result: QualityResult) -> dict[str, tuple[float, int]]:
    """Nats and bytes of each document."""
    found: dict[str, tuple[float, int]] = {}
    for window in result.windows:
        nll, size = found.get(window.document, (0.0, 0))
        found[window.document] = (nll + window.nll, size + window.bytes)
    return found


class Draws:
    """Clusters of windows, and how often each was drawn in each resample (row 0: once each, the data itself)."""

    def __init__(self, result: QualityResult, confidence: float, resamples: int, seed: int) -> None:
        import numpy as np

        self.result, self.confidence = result, confidence
        documents = sorted({window.document for window in result.windows})
        self.by_document = len(documents) >= _FEWEST_DOCUMENTS
        number = {name: index for index, name in enumerate(documents)}
        windows = result.windows
        self.cluster = [number[w.document] if self.by_document else k for k, w in enumerate(windows)]
        self.count = len(set(self.cluster))
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(self.count, [1 / self.count] * self.count, size=resamples)
        self.multiplicity = np.vstack([np.ones(self.count), drawn]).astype(np.float64)

    def sums(self, value: Callable[[WindowScore], float]) -> Array:
        """A value summed over the windows of each cluster."""
        import numpy as np

        values = np.array([value(window) for window in self.result.windows], dtype=np.float64)
        found: Array = np.bincount(self.cluster, weights=values, minlength=self.count).astype(np.float64)
        return found

    def interval(
        self, statistic: Callable[[Any], Any], back: Callable[[float], float], words: str
    ) -> Interval:
        """`statistic` of multiplicities (resamples, clusters) on a scale where errors are even; `back` from that scale.

        Few clusters make the bootstrap too narrow, by (n - 1)/n in variance and by the normal tail: both made good.
        """
        import numpy as np

        value, *_ = values = np.asarray(statistic(self.multiplicity), dtype=np.float64)
        note = (
            None
            if self.by_document
            else "few documents: windows were drawn, dependence inside a document is not covered"
        )
        shared = (self.confidence, self._words(words), self.result.tokens, self.count, note)
        if self.count < 2:
            return Interval(back(float(value)), -math.inf, math.inf, *shared)
        low, high = np.quantile(values[1:], [1 - self.confidence, self.confidence])
        t, z = t_quantile(self.confidence, self.count - 1), NormalDist().inv_cdf(self.confidence)
        wider = t / z * math.sqrt(self.count / (self.count - 1))
        ends = (float(value - wider * max(0.0, value - low)), float(value + wider * max(0.0, high - value)))
        return Interval(back(float(value)), back(ends[0]), back(ends[1]), *shared)

    def _words(self, words: str) -> str:
        unit = "documents" if self.by_document else "windows"
        return f"{words}, bootstrap over {self.count} {unit}"


def _perplexity(draws: Draws) -> Interval:
    nll, tokens = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.tokens)
    return draws.interval(lambda m: (m @ nll) / (m @ tokens), _exp, "exp of the mean NLL")


def _bits_per_byte(draws: Draws) -> Interval:
    """In the base unit of information (nats), as the metric's dimension has it: 1 bit is 0.693 nats."""
    nll, size = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.bytes)
    return draws.interval(lambda m: _log((m @ nll) / (m @ size)), _exp, "NLL over bytes")


def _kl_mean(draws: Draws) -> Interval:
    kl, tokens = draws.sums(lambda w: math.fsum(w.kl)), draws.sums(lambda w: w.tokens)
    found = draws.interval(lambda m: (m @ kl) / (m @ tokens), float, "mean over tokens")
    return replace(found, low=max(0.0, found.low))


def _top1(draws: Draws) -> Interval:
    equal, tokens = draws.sums(lambda w: w.equal), draws.sums(lambda w: w.tokens)
    found = draws.interval(lambda m: (m @ equal) / (m @ tokens), float, "share of tokens")
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


_LINEAR: dict[str, Callable[[Draws], Interval]] = {
    "perplexity": _perplexity,
    "bits_per_byte": _bits_per_byte,
    "kl": _kl_mean,
    "top1": _top1,
}


def _kl_quantile(draws: Draws, q: float) -> Interval:
    """The smallest KL with a share q of the drawn tokens at or below it; none where the tokens are too few for it."""
    import numpy as np

    needed = samples_needed(q, draws.confidence)
    if draws.result.tokens < needed:
        note = f"p{q * 100:g} needs {needed} tokens at {draws.confidence:.4g} confidence"
        return Interval.unknown(
            note, samples=draws.result.tokens, blocks=draws.count, confidence=draws.confidence
        )
    values = np.array(list(draws.result.kl_tokens()))
    of_token = np.repeat(draws.cluster, [len(window.kl) for window in draws.result.windows])
    order = np.argsort(values, kind="stable")
    ordered, of_ordered = values[order], of_token[order]

    def statistic(multiplicity: Array) -> Array:
        found = []
        for weights in multiplicity:
            reached = np.cumsum(weights[of_ordered])
            at = int(np.searchsorted(reached, q * reached[-1] - 1e-9))
            found.append(ordered[min(at, len(ordered) - 1)])
        return np.array(found)

    found = draws.interval(statistic, float, f"p{q * 100:g} over tokens")
    return replace(found, low=max(0.0, found.low))


def _exp(value: float) -> float:
    """Limits that few windows stretch beyond what a float holds are infinite."""
    return math.exp(value) if value < 700 else math.inf


def _log(values: Any) -> Any:
    import numpy as np

    return np.log(values)
