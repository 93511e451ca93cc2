"""How well an encoder stands in for its teacher, and what it is worth by itself, on sentences that it did not learn on.

`cosine` and `ranking` compare with the teacher, so a student that never saw the teacher cannot win there. `companions`
needs no teacher: the share of sentences whose nearest other sentence comes from the same document.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts import TextData
from infopt_compiler.measure.embedding.agreement import cosines, nearest, sentences, shared_neighbours

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_BATCH = 32
_DRAWS = 2000  # of documents, for an interval


@dataclass(frozen=True)
class Judged:
    """One encoder on one text: a value for each sentence."""

    cosine: Array
    ranking: Array
    companions: Array

    def facts(self) -> dict[str, float]:
        import numpy as np

        return {
            "cosine_mean": round(float(self.cosine.mean()), 5),
            "cosine_p1": round(float(np.quantile(self.cosine, 0.01)), 5),
            "cosine_min": round(float(self.cosine.min()), 5),
            "ranking": round(float(self.ranking.mean()), 5),
            "companions": round(float(self.companions.mean()), 5),
        }


class Jury:
    """The sentences of a text and the teacher's vectors of them."""

    def __init__(self, teacher: Path, data: TextData) -> None:
        chosen = sentences(data)
        self.documents = [document for document, _ in chosen]
        self.texts = [text for _, text in chosen]
        self.reference = embed(teacher, self.texts)

    def judge(self, vectors: Array) -> Judged:
        return Judged(
            cosines(vectors, self.reference),
            shared_neighbours(vectors, self.reference),
            self._companions(vectors),
        )

    def _companions(self, vectors: Array) -> Array:
        import numpy as np

        best = nearest(vectors)[:, 0]
        return np.array(
            [self.documents[k] == own for own, k in zip(self.documents, best, strict=True)], float
        )

    def gain(self, better: Array, worse: Array, confidence: float = 0.95) -> dict[str, Any]:
        """The mean paired difference and its interval, by a bootstrap over whole documents (arXiv 2411.00640)."""
        import numpy as np

        names = sorted(set(self.documents))
        place = np.array([names.index(name) for name in self.documents])
        sums = np.bincount(place, better - worse, len(names))
        counts = np.bincount(place, minlength=len(names))
        drawn = np.random.default_rng(0).integers(0, len(names), (_DRAWS, len(names)))
        means = sums[drawn].sum(1) / counts[drawn].sum(1)
        low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
        return {
            "mean": round(float((better - worse).mean()), 5),
            "interval": [round(float(low), 5), round(float(high), 5)],
            "beyond_noise": bool(low > 0),
            "documents": len(names),
        }


def embed(folder: Path, texts: list[str]) -> Array:
    """Float32 (texts, D), as transformers computes them."""
    import numpy as np

    from infopt_compiler.runtimes.torch.encoder import TorchEncoderServer

    server = TorchEncoderServer(folder)
    order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
    rows: dict[int, Array] = {}
    for first in range(0, len(order), _BATCH):
        chosen = order[first : first + _BATCH]
        vectors = server.forward(server.tokenize([texts[k] for k in chosen]))
        rows.update(zip(chosen, vectors, strict=True))
    return np.stack([rows[k] for k in range(len(texts))])
