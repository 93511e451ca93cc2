"""Intervals of quality metrics: a bootstrap that draws whole documents, model and reference together.

Tokens of one document depend on each other, so documents are the unit (E. Miller, Adding Error Bars to Evals,
arXiv 2411.00640); perplexity and its ratio to the reference come from the same draws (paired).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from infopt_compiler.budget import Interval
from infopt_compiler.measure.requests.estimate import QUANTILES
from infopt_compiler.measure.statistics.bootstrap import Clusters, weighted_quantiles
from infopt_compiler.measure.statistics.limits import samples_needed
from infopt_compiler.measure.text.result import QualityResult, WindowScore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

QUALITY_METRICS = ("perplexity", "bits_per_byte", "kl", "top1")


def estimate_quality(
    result: QualityResult, metric: str, aggregate: str | None, confidence: float, *, resamples: int, seed: int
) -> Interval:
    """`kl`, `mean` → its interval; KeyError for a metric that is not one of quality."""
    if metric == "kl" and aggregate == "max":
        value = max(result.kl_tokens())
        note = f"the largest of {result.tokens} tokens of this text: met or missed by those, it says nothing of other text"
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
        return draws.ratio(own - other, tokens, _exp, "paired ratio")
    if metric == "bits_per_byte":
        return draws.ratio(own, other, float, "paired ratio")
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


class Draws(Clusters):
    """Windows drawn by document."""

    def __init__(self, result: QualityResult, confidence: float, resamples: int, seed: int) -> None:
        self.result = result
        names = [window.document for window in result.windows]
        super().__init__(names, "windows", confidence, resamples, seed, result.tokens)

    def sums(self, value: Callable[[WindowScore], float]) -> Array:
        """A value summed over the windows of each cluster."""
        return self.summed([value(window) for window in self.result.windows])


def _perplexity(draws: Draws) -> Interval:
    nll, tokens = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.tokens)
    return draws.ratio(nll, tokens, _exp, "exp of the mean NLL")


def _bits_per_byte(draws: Draws) -> Interval:
    """In the base unit of information (nats), as the metric's dimension has it: 1 bit is 0.693 nats."""
    nll, size = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.bytes)
    return draws.ratio(nll, size, float, "NLL over bytes")


def _kl_mean(draws: Draws) -> Interval:
    kl, tokens = draws.sums(lambda w: math.fsum(w.kl)), draws.sums(lambda w: w.tokens)
    found = draws.ratio(kl, tokens, float, "mean over tokens")
    return replace(found, low=max(0.0, found.low))


def _top1(draws: Draws) -> Interval:
    """By the share that is not equal: few documents hold most of it."""
    other, tokens = draws.sums(lambda w: w.tokens - w.equal), draws.sums(lambda w: w.tokens)
    found = draws.ratio(other, tokens, lambda share: 1 - share, "share of tokens")
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
    of_token = np.repeat(draws.cluster, [len(window.kl) for window in draws.result.windows])
    statistic = weighted_quantiles(list(draws.result.kl_tokens()), of_token.tolist(), q)
    found = draws.percentiles(statistic, float, f"p{q * 100:g} over tokens")
    return replace(found, low=max(0.0, found.low))


def _exp(value: float) -> float:
    """Limits that few windows stretch beyond what a float holds are infinite."""
    return math.exp(value) if value < 700 else math.inf
