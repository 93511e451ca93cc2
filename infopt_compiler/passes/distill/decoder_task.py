"""A decoder that learns from a teacher's view of the text, or from the text alone: a `Task` of the training loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .data import Windows
from .decoder import embed, finish, head_weight, run_layers
from .head import Blend, Soft, head_loss
from .objective import Objective
from .teacher import View, Views
from .weights import Weights

_VALIDATION = Blend(Objective.kl)
_TEXT = Blend(Objective.hard)


class DecoderTask:
    """`first`: the layer that training starts at; all below it stay as they are, and what they give is in the view."""

    def __init__(
        self,
        model: Any,
        weights: Weights,
        text: Windows,
        views: Views,
        blend: Blend,
        *,
        first: int,
        floats16: bool,
        micro_batch: int,
        device: str = "cpu",
    ) -> None:
        self.model, self.weights, self.blend, self.first, self.micro_batch = (
            model,
            weights,
            blend,
            first,
            micro_batch,
        )
        self.train_NS, self.validation_NS = text.train_NS, text.validation_NS
        self.view, self.validation_view, self.plain_view = views.train, views.validation, views.plain
        self.floats16, self.device = floats16, device

    @property
    def items(self) -> int:
        return len(self.train_NS)

    @property
    def tokens_per_item(self) -> float:
        return float(self.train_NS.shape[1])

    def parameters(self) -> dict[str, nn.Parameter]:
        return self.weights.masters

    @property
    def sharded(self) -> frozenset[str]:
        return self.weights.sharded

    def collect_gradients(self) -> None:
        self.weights.collect_gradients()

    def weights_changed(self) -> None:
        self.weights.weights_changed()

    def count(self, items: list[int]) -> int:
        return len(items) * (int(self.train_NS.shape[1]) - 1)

    def loss(self, items: list[int], step: int) -> tuple[Tensor, int]:
        soft = self.view.soft(items, self.device) if self.blend.soft else None
        loss = self._loss(self.train_NS, self.view, items, soft, self.blend)
        return loss, self.count(items)

    def validate(self) -> dict[str, float]:
        """`loss` is what is trained, on windows kept apart; with KL to the teacher and NLL of the text, nats a token."""
        sums = {"kl": 0.0, "nll": 0.0, "loss": 0.0}
        rows = list(range(len(self.validation_NS)))
        for at in range(0, len(rows), self.micro_batch):
            items = rows[at : at + self.micro_batch]
            with torch.no_grad():
                h_ND, weight, targets = self._hidden(self.validation_NS, self.validation_view, items)
            at_temperature, plain = (
                view.soft(items, self.device) for view in (self.validation_view, self.plain_view)
            )
            asked = {"kl": (_VALIDATION, plain), "nll": (_TEXT, None), "loss": (self.blend, at_temperature)}
            with torch.no_grad(), self.autocast():
                for name, (blend, soft) in asked.items():
                    sums[name] += float(head_loss(h_ND, weight, targets, soft, blend))
        tokens = len(rows) * (self.validation_NS.shape[1] - 1)
        return {name: value / tokens for name, value in sums.items()}

    def _loss(self, ids_NS: Tensor, view: View, items: list[int], soft: Soft | None, blend: Blend) -> Tensor:
        h_ND, weight, targets = self._hidden(ids_NS, view, items)
        with self.autocast():
            return head_loss(h_ND, weight, targets, soft, blend)

    def _hidden(self, ids_NS: Tensor, view: View, items: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        start = view.start(items, self.device) if self.first and view.hidden is not None else None
        return self.hidden(ids_NS[items].to(self.device), start)

    def hidden(self, ids_BS: Tensor, start_BSD: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """What the head sees, the head, and the words that it should give; `start_BSD` after the layers left out."""
        with self.autocast():
            start = start_BSD if start_BSD is not None else self._below(ids_BS)
            h_ND = finish(self.model, run_layers(self.model, start, self.first))
        return h_ND, head_weight(self.model), ids_BS[:, 1:].reshape(-1)

    def _below(self, ids_BS: Tensor) -> Tensor:
        """What the layers give that training leaves as they are; with none of these, the embedding."""
        if self.first == 0:
            return embed(self.model, ids_BS)
        with torch.no_grad():
            return run_layers(self.model, embed(self.model, ids_BS), 0, self.first)

    def autocast(self) -> Any:
        """bfloat16 products where they are wanted."""
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.floats16)
