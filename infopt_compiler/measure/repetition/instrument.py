"""The instrument that lets a model write and counts what it says again: `repetition`.

seq-rep-4 of S. Welleck et al., Neural Text Generation with Unlikelihood Training, arXiv 1908.04319: of the four-token pieces of a
continuation the share that were there before, averaged over continuations. Weights of few bits tend to loop long before perplexity tells.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact, TextData
from infopt_compiler.budget import Bound, Interval
from infopt_compiler.measure.job import Job, Own, Reading, Shown
from infopt_compiler.measure.statistics.bootstrap import Clusters
from infopt_compiler.measure.text.windowing import CONTINUED, cut, prompt_of
from infopt_compiler.progress import Progress
from infopt_compiler.runtimes.scorer import Scorer

METRIC = "repetition"
PIECE = 4  # tokens


@dataclass(frozen=True)
class Written:
    """A continuation of a prompt of `document`: how many pieces it has, and how many of them were there before."""

    document: str
    pieces: int
    repeated: int

    @property
    def share(self) -> float:
        """0 of a continuation that ended before a piece was whole."""
        return self.repeated / self.pieces if self.pieces else 0.0

    @classmethod
    def of(cls, document: str, ids: Sequence[int]) -> Written:
        """From the ids of the continuation."""
        pieces = [tuple(ids[k : k + PIECE]) for k in range(len(ids) - PIECE + 1)]
        return cls(document, len(pieces), len(pieces) - len(set(pieces)))


@dataclass(frozen=True)
class RepetitionReading(Reading):
    """`written` by data."""

    job: Job
    written: dict[str, list[Written]] = field(default_factory=dict)

    def own(self, bound: Bound) -> Own:
        return partial(self._interval, self.written[bound.on or ""])

    def shown(self) -> Iterator[Shown]:
        for on, rows in self.written.items():
            yield Shown(METRIC, partial(self._interval, rows), on=on, unknown=True)

    def _interval(self, rows: list[Written], confidence: float) -> Interval:
        return estimate_repetition(rows, confidence, **self.job.drawn)


class RepetitionInstrument:
    """Greedy continuations of the beginnings of held-out windows, by the runtime that serves the artifact."""

    phase = "repetition"
    metrics = frozenset({METRIC})

    def check(self, job: Job) -> None:
        for bound in job.of(self.metrics):
            job.text(bound)

    def measure(self, job: Job) -> RepetitionReading:
        """Each text that the bounds name once."""
        found = RepetitionReading(job)
        for bound in job.of(self.metrics):
            if (bound.on or "") not in found.written:
                found.written[bound.on or ""] = _measure(job, bound)
        return found


def estimate_repetition(rows: Sequence[Written], confidence: float, *, resamples: int, seed: int) -> Interval:
    """Mean over continuations of the share of repeated pieces; a bootstrap that draws whole documents."""
    draws = Clusters([row.document for row in rows], "prompts", confidence, resamples, seed, len(rows))
    found = draws.mean_share([row.share for row in rows], "mean over continuations")
    looping = sum(row.share > 0.5 for row in rows)
    notes = [found.note, f"{looping} of {len(rows)} continuations repeat more than half" if looping else None]
    return replace(found, note="; ".join(filter(None, notes)) or None)


def write(artifact: Artifact, data: TextData, windows: int, progress: Progress) -> list[Written]:
    """A continuation of the beginning of each window. DiagnosticError E0904, E0905, E0908."""
    text = cut(artifact.path, data, windows)
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="infopt-repetition-") as scratch,
        Scorer(artifact, Path(scratch)) as scorer,
    ):
        for number, window in enumerate(text.windows):
            progress(number, len(text.windows), "writing from held-out prompts")
            said = scorer.ask({"generate": prompt_of(window), "most": CONTINUED})["ids"]
            found.append(Written.of(window.document, said))
    return found


def _measure(job: Job, bound: Bound) -> list[Written]:
    data, windows = job.text(bound), job.settings.windows

    def made() -> dict[str, Any]:
        return {"rows": [asdict(row) for row in write(job.subject, data, windows, job.progress)]}

    key = job.text_key(job.subject, None, data) + ".repetition"
    return [Written(**row) for row in job.remembered(key, bound, made)["rows"]]
