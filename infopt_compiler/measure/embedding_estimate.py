"""Intervals of `cosine` and `ranking`: a bootstrap that draws whole documents (arXiv 2411.00640, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infopt_compiler.budget import Interval
from infopt_compiler.measure.embedding import Agreement
from infopt_compiler.measure.statistics import samples_needed

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

EMBEDDING_METRICS = ("cosine", "ranking")
_FEWEST_DOCUMENTS = 8  # with fewer, sentences are drawn instead


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
    import numpy as np

    values = np.array([row.cosine if metric == "cosine" else row.shared for row in rows])
    if aggregate == "min":
        least, note = float(values.min()), f"the smallest of {len(rows)} sentences of this text"
        return Interval(least, least, least, 1.0, "observed minimum", len(rows), len(rows), note)
    needed = samples_needed(0.99, confidence)  # fewer need not hold one of the worst hundredth
    if aggregate == "p1" and len(rows) < needed:
        note = f"p1 needs {needed} sentences at {confidence:.4g} confidence, the text gave {len(rows)}"
        return Interval.unknown(note, samples=len(rows), confidence=confidence)
    drawn, words = _draws(rows, resamples, seed)
    found = _first_percentile(values, drawn) if aggregate == "p1" else drawn @ values / drawn.sum(axis=1)
    tail = (1 - confidence) * 100
    low, high = np.percentile(found[1:], [tail, 100 - tail])
    value = float(found[0])
    return Interval(
        value, min(value, float(low)), max(value, float(high)), confidence, words, len(rows), len(rows)
    )


def _draws(rows: Sequence[Agreement], resamples: int, seed: int) -> tuple[Array, str]:
    """How often each sentence counts in each resample, (1 + resamples, sentences); row 0 is the data itself."""
    import numpy as np

    names = sorted({row.document for row in rows})
    by_document = len(names) >= _FEWEST_DOCUMENTS
    number = {name: k for k, name in enumerate(names)}
    cluster = np.array([number[row.document] if by_document else k for k, row in enumerate(rows)])
    count = int(cluster.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, [1 / count] * count, size=resamples)
    unit = "documents" if by_document else "sentences"
    return np.vstack([np.ones(count), drawn])[:, cluster], f"bootstrap over {count} {unit}"


def _first_percentile(values: Array, drawn: Array) -> Array:
    import numpy as np

    order = np.argsort(values)
    reached = np.cumsum(drawn[:, order], axis=1) >= 0.01 * drawn.sum(axis=1, keepdims=True)
    found: Array = values[order][reached.argmax(axis=1)]
    return found
