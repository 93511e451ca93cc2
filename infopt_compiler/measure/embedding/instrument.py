"""The instrument over sentences: each (reference, data) is embedded once, or read from a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from infopt_compiler.budget import Bound, Interval
from infopt_compiler.measure.embedding.agreement import (
    EMBEDDING_METRICS,
    Agreement,
    compare_embeddings,
    estimate_embedding,
)
from infopt_compiler.measure.job import Details, Job, Own, Reading, Shown, label

_SHOWN = (("cosine", "mean"), ("cosine", "p1"), ("cosine", "min"), ("ranking", None))
_WORST = 8  # sentences in the report


@dataclass(frozen=True)
class Embeddings:
    """The sentences of the data `on`, the subject against `reference`."""

    on: str
    reference: str
    rows: list[Agreement]
    drawn: Mapping[str, int]

    def interval(self, metric: str, aggregate: str | None, confidence: float) -> Interval:
        return estimate_embedding(self.rows, metric, aggregate, confidence, **self.drawn)

    def shown(self) -> Iterator[Shown]:
        """All of them, with or without a bound."""
        for metric, aggregate in _SHOWN:
            own = partial(self.interval, metric, aggregate)
            yield Shown(label(metric, aggregate), own, on=self.on, reference=self.reference)

    def worst(self) -> list[dict[str, Any]]:
        """The sentences whose vectors differ most."""
        return [row.to_json() for row in sorted(self.rows, key=lambda row: row.cosine)[:_WORST]]


@dataclass(frozen=True)
class EmbeddingReading(Reading):
    """`compared` by data and reference."""

    compared: dict[tuple[str, str], Embeddings] = field(default_factory=dict)

    def own(self, bound: Bound) -> Own:
        return partial(self.compared[_key(bound)].interval, bound.metric, bound.aggregate)

    def shown(self) -> Iterator[Shown]:
        for found in self.compared.values():
            yield from found.shown()

    def details(self) -> Details:
        return Details(
            worst={f"{on} vs {reference}": found.worst() for (on, reference), found in self.compared.items()}
        )


class EmbeddingInstrument:
    """How an encoder's vectors agree with a reference's."""

    phase = "embeddings"
    metrics = frozenset(EMBEDDING_METRICS)

    def check(self, job: Job) -> None:
        """Nothing but what holds for every bound."""

    def measure(self, job: Job) -> EmbeddingReading:
        """One comparison for each pair of data and reference that the bounds name."""
        found = EmbeddingReading()
        for bound in job.of(self.metrics):
            if _key(bound) not in found.compared:
                found.compared[_key(bound)] = _measure(job, bound)
        return found


def _key(bound: Bound) -> tuple[str, str]:
    return bound.on or "", bound.reference or ""


def _measure(job: Job, bound: Bound) -> Embeddings:
    data, name = job.text(bound), bound.reference or ""
    reference = job.artifact(bound, name)

    def made() -> dict[str, Any]:
        job.progress(0, 1, f"embedding with {job.name} and {name}")
        return {"rows": [row.to_json() for row in compare_embeddings(reference, job.subject, data)]}

    key = job.text_key(job.subject, reference, data, all=True) + ".embeddings"
    rows = [Agreement(**row) for row in job.remembered(key, bound, made)["rows"]]
    return Embeddings(bound.on or "", name, rows, job.drawn)
