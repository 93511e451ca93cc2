"""A student encoder that learns from a teacher's view of sentences, or from the sentences alone: a `Task` of the loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from infopt_compiler.passes.distill.amounts import PIECE
from infopt_compiler.passes.distill.encoder.losses import (
    Weights,
    attention_loss,
    contrast_loss,
    hidden_loss,
    vector_loss,
)
from infopt_compiler.passes.distill.encoder.model import Encoded, Encoder
from infopt_compiler.passes.distill.encoder.sentences import Sentences
from infopt_compiler.passes.distill.encoder.view import View


class EncoderTask:
    """Items are sentences. The tables of words and positions stay the teacher's: text seen here holds few of the words,
    and the others must not drift away from them."""

    def __init__(
        self,
        student: Encoder,
        teacher: Encoder,
        train: tuple[Sentences, View | None],
        apart: tuple[Sentences, View | None],
        weights: Weights,
        *,
        seed: int,
        floats16: bool,
    ) -> None:
        self.student, self.teacher, self.weights = student, teacher, weights
        self.train, self.apart = train, apart
        self.seed, self.floats16 = seed, floats16
        student.model.requires_grad_(False)
        student.layers.requires_grad_(True)
        teacher.model.requires_grad_(False)

    @property
    def items(self) -> int:
        return len(self.train[0])

    @property
    def tokens_per_item(self) -> float:
        return self.train[0].tokens / len(self.train[0])

    def parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.student.layers.named_parameters())

    @property
    def sharded(self) -> frozenset[str]:
        return frozenset()

    def collect_gradients(self) -> None:
        """The forward uses the parameters themselves."""

    def weights_changed(self) -> None:
        """The forward uses the parameters themselves."""

    def count(self, items: list[int]) -> int:
        return len(items)

    def loss(self, items: list[int], step: int) -> tuple[Tensor, int]:
        return self._sum(self.train, items, step), len(items)

    def validate(self) -> dict[str, float]:
        """`loss` is what is trained, on sentences kept apart; `cosine` to the teacher's vectors, where there are any."""
        sentences, view = self.apart
        everything = list(range(len(sentences)))
        with torch.no_grad():
            found = {"loss": float(self._sum(self.apart, everything, 0)) / len(everything)}
            if view is not None:
                cosine = sum(
                    float((1 - vector_loss(self._encode(sentences, piece).vector, view.vector(piece))).sum())
                    for piece in sentences.pieces(everything, PIECE)
                )
                found["cosine"] = cosine / len(everything)
        return found

    def _sum(self, data: tuple[Sentences, View | None], items: list[int], step: int) -> Tensor:
        """The loss summed over the items."""
        sentences, view = data
        if view is None:
            return self._contrast(sentences, items, step)
        total = torch.zeros(())
        for piece in sentences.pieces(items, PIECE):
            seen = self._encode(sentences, piece)
            total = total + self.weights.vector * vector_loss(seen.vector, view.vector(piece)).sum()
            if self.weights.states:
                total = total + self._states(seen, sentences, view, piece)
        return total

    def _states(self, seen: Encoded, sentences: Sentences, view: View, piece: list[int]) -> Tensor:
        with torch.no_grad():
            taught = self.teacher.last(view.before(sentences, piece), seen.real)
            relations = self.teacher.relations(taught) if self.weights.attention else None
        total = torch.zeros(())
        if self.weights.hidden:
            total = total + self.weights.hidden * hidden_loss(seen, taught).sum()
        if relations is not None:
            own = self.student.relations(seen)
            total = total + self.weights.attention * attention_loss(own, relations, seen.real).sum()
        return total

    def _contrast(self, sentences: Sentences, items: list[int], step: int) -> Tensor:
        """Two looks at the same sentences, each under its own dropout, drawn by seed and step. Sentences of about one length
        go through the layers together; every one is held against all others."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * 1_000_003 + step)
            self.student.model.train()
            rows = [sentences.rows(piece) for piece in sentences.pieces(items, PIECE)]
            one, other = (torch.cat([self._forward(ids_BS).vector for ids_BS in rows]) for _ in range(2))
            self.student.model.eval()
        return self.weights.contrast * contrast_loss(one, other).sum()

    def _encode(self, sentences: Sentences, piece: list[int]) -> Encoded:
        return self._forward(sentences.rows(piece))

    def _forward(self, ids_BS: Tensor) -> Encoded:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.floats16):
            seen = self.student.encode(ids_BS)
        return Encoded(seen.real, *(part.float() for part in (seen.before, seen.after, seen.vector)))
