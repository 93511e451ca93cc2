"""What a smaller model keeps of its reference (`retention`), and what the teacher gave it over the text alone (`gain`).

Retention has three parts, each 1 where nothing is lost: `perplexity` (the reference's over the model's), `nll` (the same
of nats per token) and `top1` (the share of tokens with the reference's likeliest word). `mean` is over these three,
`worst` the least of them. Gain is the control's mean NLL minus the distilled model's on the same windows, in nats a token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from infopt_compiler.budget import Interval
from infopt_compiler.measure.text.estimate import Draws
from infopt_compiler.measure.text.result import QualityResult, WindowScore

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
