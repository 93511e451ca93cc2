"""Tasks of lm-evaluation-harness: a model's answers document by document, in a process of its own, and intervals of accuracy.

Those are the bootstrap over documents that text has, never nearer than what counts of them allow: answers are right or wrong, so of
few documents all may be right (or two models right on the same ones), where a bootstrap sees no spread at all. C. Clopper and E.
Pearson's exact limits of a share (Biometrika 26, 1934) see it.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts.handles import Artifact, TaskData
from infopt_compiler.budget import Interval
from infopt_compiler.diagnostics import DiagnosticError, Note, error
from infopt_compiler.measure.statistics.bootstrap import Clusters
from infopt_compiler.measure.statistics.limits import share_limits, t_quantile
from infopt_compiler.progress import Progress, no_progress
from infopt_compiler.runtimes.last_words import last_words
from infopt_compiler.runtimes.registry import scorer_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """One document: `right` as the task scores it (0 to 1), `normed` with log-likelihoods per byte where it has choices."""

    document: int
    right: float
    normed: float | None
    excerpt: str


@dataclass(frozen=True)
class TaskResult:
    rows: tuple[Answered, ...]
    versions: dict[str, str]

    def scores(self, metric: str) -> list[float]:
        """By document, in their order. `check_tasks` has seen that they are there."""
        if metric == "accuracy":
            return [row.right for row in self.rows]
        return [row.normed if row.normed is not None else 0.0 for row in self.rows]

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", *(("accuracy.norm",) if all(row.normed is not None for row in self.rows) else ()))

    def to_json(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows], "versions": self.versions}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TaskResult:
        return cls(tuple(Answered(**row) for row in data["rows"]), data["versions"])


def score_task(artifact: Artifact, data: TaskData, *, progress: Progress = no_progress) -> TaskResult:
    """DiagnosticError E0904 for kinds that cannot be scored, E0905, E0906, E0908, E0910, E0615, E0619."""
    scorer_of(artifact)
    with tempfile.TemporaryDirectory(prefix="infopt-task-") as scratch:
        return _ask(artifact, data, Path(scratch), progress)


def _ask(artifact: Artifact, data: TaskData, scratch: Path, progress: Progress) -> TaskResult:
    module = "infopt_compiler.measure.tasks.harness"
    arguments = [str(data.path), artifact.kind, str(artifact.path), str(scratch / "model")]
    log = scratch / "stderr.txt"
    with log.open("w") as errors:
        command = [sys.executable, "-P", "-m", module, *arguments]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=scratch)
    try:
        assert child.stdout is not None
        for line in child.stdout:
            said = json.loads(line)
            if said["event"] == "progress":
                progress(said["done"], said["total"], "answering a task")
            elif said["event"] == "result":
                return TaskResult.from_json(said)
            else:
                notes = tuple(Note(text) for text in said["notes"])
                raise DiagnosticError(error(said["code"], said["message"], notes=notes, help=said["help"]))
    finally:
        child.kill()
        child.communicate()
    words = Note(last_words(log.read_text(errors="replace")))
    raise DiagnosticError(
        error("E0908", "the process that scores a task ended without an answer", notes=(words,))
    )


_MOST = 1e3  # a ratio beyond this is as good as none
_HALVINGS = 40
_MOST_GROUPS = 1000  # that are drawn: what is held is groups x resamples, and more of them say no more


def estimate_accuracy(scores: Sequence[float], confidence: float, *, resamples: int, seed: int) -> Interval:
    """The share of documents that were answered right."""
    clusters, (right, each) = _clusters(confidence, resamples, seed, scores, [1.0] * len(scores))
    found = clusters.ratio(right, each, float, "share of documents")
    low, high = share_limits(sum(scores), len(scores), confidence)
    words = f"{found.estimator}, and exact limits of a share"
    low, high = max(0.0, min(found.low, low)), min(1.0, max(found.high, high))
    return replace(found, low=low, high=high, estimator=words)


def estimate_accuracy_ratio(
    own: Sequence[float], other: Sequence[float], confidence: float, *, resamples: int, seed: int
) -> Interval:
    """A model's accuracy over another's on the same documents, paired.

    The limits are the ratios L at which the mean of `own - L other` is just not told from zero (E. Fieller, J. Royal Statist. Soc. B
    16, 1954): nothing is divided by an accuracy that may be near zero.
    """
    n, total = len(own), sum(other)
    if total <= 0:
        return Interval.unknown("the reference answers no document right", samples=n, blocks=n)
    clusters, (mine, theirs) = _clusters(confidence, resamples, seed, own, other)
    value = float(mine.sum()) / total
    ends = _fieller(clusters, mine, theirs, value) if clusters.count > 1 else (0.0, math.inf)
    gained = sum(max(0.0, a - b) for a, b in zip(own, other, strict=True))
    lost = sum(max(0.0, b - a) for a, b in zip(own, other, strict=True))
    most_lost, most_gained = (n * share_limits(count, n, confidence)[1] for count in (lost, gained))
    low = max(0.0, min(ends[0], value, 1 + (gained - most_lost) / total))
    high = max(ends[1], value, 1 + (most_gained - lost) / total)
    words = f"paired ratio, bootstrap over {clusters.count} {clusters.unit}, and exact limits of what differs"
    note = f"right in only one of the two: {lost:g} by the reference, {gained:g} by this one"
    return Interval(value, low, high, confidence, words, n, clusters.count, note)


def _fieller(clusters: Clusters, own: Array, other: Array, value: float) -> tuple[float, float]:
    limits = _limits_of_difference(clusters, own, other)
    low = _crossing(lambda ratio: limits(ratio)[0], 0.0, value)
    return low, _crossing(lambda ratio: limits(ratio)[1], value, _MOST)


def _limits_of_difference(
    clusters: Clusters, own: Array, other: Array
) -> Callable[[float], tuple[float, float]]:
    """ratio → limits of the mean of `own - ratio other`: bootstrap-t, not within Student's t, as `bootstrap.studentized` has them.
    What is summed over each resample does not depend on the ratio, so it is summed once."""
    import numpy as np

    m, n = clusters.multiplicity, clusters.count
    a, b, aa, ab, bb = (m @ each / n for each in (own, other, own**2, own * other, other**2))
    student = t_quantile(clusters.confidence, n - 1)

    def limits(ratio: float) -> tuple[float, float]:
        mean = a - ratio * b
        squares = aa - 2 * ratio * ab + ratio**2 * bb
        variance = np.where(squares - mean**2 > 1e-12 * squares, squares - mean**2, 0.0)
        error = np.sqrt(variance / (n - 1))
        if not error[0] > 0:
            return float(mean[0]), float(mean[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.nan_to_num((mean[1:] - mean[0]) / error[1:], nan=0.0, posinf=math.inf, neginf=-math.inf)
        levels = [1 - clusters.confidence, clusters.confidence]
        down, up = np.quantile(t, levels, method="inverted_cdf").tolist()
        half = max(student, up) * float(error[0]), max(student, -down) * float(error[0])
        return float(mean[0]) - half[0], float(mean[0]) + half[1]

    return limits


def _crossing(limit: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is zero; an end where it does not get there, infinite at the far one."""
    if limit(low) <= 0:
        return low
    if limit(high) > 0:
        return math.inf if high == _MOST else high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if limit(middle) > 0 else (low, middle)
    return (low + high) / 2


def _clusters(
    confidence: float, resamples: int, seed: int, *values: Sequence[float]
) -> tuple[Clusters, list[Array]]:
    n = len(values[0])
    groups = min(n, _MOST_GROUPS)
    clusters = Clusters(
        [f"{k * groups // n:09d}" for k in range(n)], "answers", confidence, resamples, seed, n
    )
    if groups < n:
        clusters.unit = "groups of neighbouring documents"
    return clusters, [clusters.summed(value) for value in values]
