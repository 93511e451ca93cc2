"""Intervals of quality metrics: a bootstrap that draws whole documents, model and reference together.

Tokens of one document depend on each other, so documents are the unit (E. Miller, Adding Error Bars to Evals,
arXiv 2411.00640); perplexity and its ratio to the reference come from the same draws (paired).

`retention` has three parts, each 1 where nothing is lost: `perplexity` (the reference's over the model's), `nll` (the same of nats
per token) and `top1` (the share of tokens with the reference's likeliest word). `mean` is over these three, `worst` the least of
them. `gain` is the control's mean NLL minus the distilled model's on the same windows, in nats a token.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infopt_compiler.budget import Interval
from infopt_compiler.measure.statistics.bootstrap import Clusters
from infopt_compiler.measure.text.quality import QualityResult, WindowScore

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
    if metric == "kl" and aggregate != "mean":
        return _kl_quantile(draws, float(str(aggregate).removeprefix("p")) / 100)
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

    of_token = np.repeat(draws.cluster, [len(window.kl) for window in draws.result.windows])
    found = draws.quantile(list(draws.result.kl_tokens()), of_token.tolist(), q, "tokens")
    if found.value is None:
        return found
    return replace(found, low=max(0.0, found.low))


def _exp(value: float) -> float:
    """Limits that few windows stretch beyond what a float holds are infinite."""
    return math.exp(value) if value < 700 else math.inf


PARTS = ("perplexity", "nll", "top1")
TEXTS = ("heldout", "other")


def estimate_retention(
    result: QualityResult, aggregate: str, confidence: float, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """`aggregate`: one of `PARTS`, `mean` or `worst`. The result must have a reference."""
    import numpy as np

    draws = Draws(result, confidence, resamples, seed)
    own, other = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.reference_nll or 0.0)
    tokens, equal = draws.sums(lambda w: w.tokens), draws.sums(lambda w: w.equal)

    words = f"retention, {aggregate}"
    if aggregate == "perplexity":
        return draws.ratio(other - own, tokens, math.exp, words)
    if aggregate == "nll":
        return draws.ratio(other, own, float, words)
    if aggregate == "top1":
        return draws.ratio(tokens - equal, tokens, lambda share: 1 - share, words)

    def statistic(m: Any) -> Any:
        parts = (
            np.exp((m @ (other - own)) / (m @ tokens)),
            (m @ other) / (m @ own),
            (m @ equal) / (m @ tokens),
        )
        stacked = np.stack(parts)
        return stacked.mean(axis=0) if aggregate == "mean" else stacked.min(axis=0)

    return draws.percentiles(statistic, float, words)


def gain_windows(control: QualityResult, distilled: QualityResult) -> list[dict[str, Any]]:
    """What `estimate_gain` needs of each window, as plain data."""
    return [
        {"document": a.document, "tokens": a.tokens, "control": a.nll, "distilled": b.nll}
        for a, b in zip(control.windows, distilled.windows, strict=True)
    ]


def estimate_gain(
    windows: Sequence[Mapping[str, Any]], confidence: float, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Nats a token, paired by window, drawn by document."""
    rows = tuple(
        WindowScore(
            row["document"], 0, row["tokens"], row["tokens"], row["control"], row["distilled"], (), 0, ""
        )
        for row in windows
    )
    draws = Draws(QualityResult(rows), confidence, resamples, seed)
    control, distilled = draws.sums(lambda w: w.nll), draws.sums(lambda w: w.reference_nll or 0.0)
    tokens = draws.sums(lambda w: w.tokens)
    return draws.ratio(control - distilled, tokens, float, "paired difference of NLL")


def gain_of(
    facts: Mapping[str, Any], aggregate: str, confidence: float, *, resamples: int, seed: int
) -> Interval:
    """From the facts that `distill` left: `heldout`, `other`, or `worst` of both."""
    found = {
        name: estimate_gain(facts["quality"][name]["windows"], confidence, resamples=resamples, seed=seed)
        for name in TEXTS
        if name in facts.get("quality", {})
    }
    if not found or (aggregate != "worst" and aggregate not in found):
        return Interval.unknown(f"the pass `distill` recorded no control on `{aggregate}`")
    if aggregate != "worst":
        return found[aggregate]
    return _worst(list(found.values()))


def _worst(found: list[Interval]) -> Interval:
    """The least of all values and of all limits: positive only where every text's gain is. Nothing is known of it where one
    text says nothing."""
    least = min(found, key=lambda interval: -math.inf if interval.value is None else interval.value)
    if least.value is None:
        return least
    low, high = (min(getattr(one, side) for one in found) for side in ("low", "high"))
    return replace(least, low=low, high=high)
