"""Intervals of `cosine` and `ranking`: a bootstrap that draws whole documents (arXiv 2411.00640, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from infopt_compiler.budget import Interval
from infopt_compiler.measure.embedding.agreement import Agreement
from infopt_compiler.measure.statistics.bootstrap import Clusters, weighted_quantiles
from infopt_compiler.measure.statistics.limits import samples_needed

EMBEDDING_METRICS = ("cosine", "ranking")


def estimate_embedding(
    rows: Sequence[Agreement],
    metric: str,
    aggregate: str | None,
    confidence: float,
    *,
    resamples: int,
    seed: int,
) -> Interval:
    """`cosine`, `mean` → its interval; the least of those observed has none."""
    values = [row.cosine if metric == "cosine" else row.shared for row in rows]
    if aggregate == "min":
        note = f"the smallest of {len(rows)} sentences of this text: met or missed by those, it says nothing of others"
        return Interval(
            min(values), min(values), min(values), 1.0, "observed minimum", len(rows), len(rows), note
        )
    needed = samples_needed(0.99, confidence)  # fewer need not hold one of the worst hundredth
    if aggregate == "p1" and len(rows) < needed:
        note = f"p1 needs {needed} sentences at {confidence:.4g} confidence, the text gave {len(rows)}"
        return Interval.unknown(note, samples=len(rows), confidence=confidence)
    names = [row.document for row in rows]
    clusters = Clusters(names, "sentences", confidence, resamples, seed, len(rows))
    if aggregate == "p1":
        found = clusters.percentiles(weighted_quantiles(values, clusters.cluster, 0.01), float, "p1")
    else:
        # By what is missing to 1: few documents hold most of it.
        missing, sentences = (
            clusters.summed([1 - value for value in values]),
            clusters.summed([1.0] * len(rows)),
        )
        found = clusters.ratio(missing, sentences, lambda share: 1 - share, "mean over sentences")
    least = -1.0 if metric == "cosine" else 0.0
    return replace(found, low=max(least, found.low), high=min(1.0, found.high))
