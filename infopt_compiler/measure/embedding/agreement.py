"""How an encoder's vectors agree with a reference's on the sentences of a text: cosine, and who is near whom."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts import Artifact, TextData
from infopt_compiler.artifacts.text import read_documents, read_spec
from infopt_compiler.budget import Interval
from infopt_compiler.diagnostics import DiagnosticError, Note, error
from infopt_compiler.measure.statistics.bootstrap import Clusters
from infopt_compiler.runtimes.last_words import last_words
from infopt_compiler.runtimes.protocol import Answers
from infopt_compiler.runtimes.registry import server_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

NEIGHBOURS = 10  # of a sentence, that `ranking` compares
_MOST = 1000  # sentences: neighbours of all pairs are computed
_WORDS = range(4, 80)  # of a sentence: headings say little, tables are none
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
_TIMEOUT = 1800.0  # seconds


@dataclass(frozen=True)
class Agreement:
    """One sentence: the cosine of its two vectors, and the share of its nearest sentences that both name."""

    document: str
    text: str
    cosine: float
    shared: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def sentences(data: TextData) -> list[tuple[str, str]]:
    """(document, sentence) of the data; a `sample` of them by its seed, else at most 1000 spread over the text."""
    spec = read_spec(data)
    found = [(d.id, text) for d in read_documents(data) for text in cut_sentences(d.text)]
    count = min(spec.sample or _MOST, _MOST)
    if len(found) <= count:
        return found
    chosen = sorted(random.Random(spec.seed).sample(range(len(found)), count))
    return [found[k] for k in chosen]


def cut_sentences(text: str) -> Iterator[str]:
    """Sentences of 4 to 79 words; headings, tables and code fall out."""
    for paragraph in text.split("\n\n"):
        for sentence in _END.split(" ".join(paragraph.split())):
            if len(sentence.split()) in _WORDS:
                yield sentence


def compare_embeddings(reference: Artifact, subject: Artifact, data: TextData) -> list[Agreement]:
    """Both encoders over the sentences of `data`, each in a process of its own.

    Raises DiagnosticError E0905 with fewer than 20 sentences or vectors of other widths, E0908 where an encoder fails.
    """
    chosen = sentences(data)
    if len(chosen) < 2 * NEIGHBOURS:
        message = f"the text holds {len(chosen)} sentences, {2 * NEIGHBOURS} are needed"
        raise DiagnosticError(error("E0905", message, help="take more of it"))
    texts = [text for _, text in chosen]
    own, other = _vectors(subject, texts), _vectors(reference, texts)
    if own.shape != other.shape:
        message = f"vectors of {own.shape[1]} and of {other.shape[1]} numbers do not compare"
        raise DiagnosticError(error("E0905", message))
    rows = zip(chosen, cosines(own, other), shared_neighbours(own, other), strict=True)
    return [Agreement(name, text, float(cosine), float(share)) for (name, text), cosine, share in rows]


def cosines(one: Array, other: Array) -> Array:
    """Of each row of `one` with that row of `other`, in float64."""
    found: Array = (_unit(one) * _unit(other)).sum(axis=1)
    return found


def shared_neighbours(one: Array, other: Array) -> Array:
    """For each row the share of its 10 nearest other rows (by cosine) that are the same in both."""
    import numpy as np

    near = [nearest(vectors) for vectors in (one, other)]
    return np.array([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(*near, strict=True)])


def nearest(vectors: Array) -> Array:
    """(rows, 10): the nearest other rows of each by cosine, the nearest first."""
    import numpy as np

    unit = _unit(vectors)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    found: Array = np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBOURS]
    return found


def _unit(vectors: Array) -> Array:
    import numpy as np

    wide = vectors.astype(np.float64)
    found: Array = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return found


def _vectors(artifact: Artifact, texts: list[str]) -> Array:
    import numpy as np

    runtime = server_of(artifact)
    if runtime.answers is not Answers.vectors:
        raise DiagnosticError(error("E0904", f"a {artifact.kind} of this model gives no vector of a text"))
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "vectors.npy"
        command = [
            sys.executable,
            "-P",
            "-m",
            "infopt_compiler.runtimes.embed",
            runtime.name,
            str(artifact.path),
            str(out),
        ]
        try:
            done = subprocess.run(
                command, input=json.dumps(texts), capture_output=True, text=True, timeout=_TIMEOUT
            )
        except subprocess.TimeoutExpired:
            message = f"embedding {len(texts)} sentences took longer than {_TIMEOUT:.0f} s"
            raise DiagnosticError(error("E0908", message)) from None
        if done.returncode != 0:
            notes = (Note(last_words(done.stderr)),)
            raise DiagnosticError(error("E0908", "the process that embeds text failed", notes=notes))
        vectors: Array = np.load(out)
    if not np.isfinite(vectors).all():
        raise DiagnosticError(error("E0910", "an encoder gives vectors that are not finite"))
    return vectors


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
    names = [row.document for row in rows]
    clusters = Clusters(names, "sentences", confidence, resamples, seed, len(rows))
    if aggregate == "p1":
        found = clusters.quantile(values, clusters.cluster, 0.01, "sentences")
    else:
        # By what is missing to 1: few documents hold most of it.
        missing, sentences = (
            clusters.summed([1 - value for value in values]),
            clusters.summed([1.0] * len(rows)),
        )
        found = clusters.ratio(missing, sentences, lambda share: 1 - share, "mean over sentences")
    if found.value is None:
        return found
    least = -1.0 if metric == "cosine" else 0.0
    return replace(found, low=max(least, found.low), high=min(1.0, found.high))
