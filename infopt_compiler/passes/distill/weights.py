"""What the optimizer changes and what the forward uses: the same, or float32 and bfloat16."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from infopt_compiler.architectures import find_family


class Weights(Protocol):
    """Named float32 parameters, and how they get into the model."""

    masters: dict[str, nn.Parameter]
    sharded: frozenset[str]  # those of which this process holds a share, whose gradients are summed already

    def collect_gradients(self) -> None:
        """Move the gradients of what the forward used to `masters`."""
        ...

    def weights_changed(self) -> None:
        """Bring what the forward uses up to date."""
        ...

    def whole(self) -> dict[str, Tensor]:
        """What is written: the changed tensors as they are now, by name. Every process must ask."""
        ...


class PlainWeights:
    """The model's own weights. With `floats16` matrices are kept in bfloat16 for the products, so that none is
    converted anew in every forward; norms and biases stay float32, and so does the residual stream under autocast.
    """

    sharded: frozenset[str] = frozenset()

    def __init__(
        self, model: Any, first: int, head: bool, *, floats16: bool, others: frozenset[str] = frozenset()
    ) -> None:
        """`others`: parameters that are somebody else's to see to."""
        wanted = trainable(model, first, head) - others
        self.masters: dict[str, nn.Parameter] = {}
        self._used: dict[str, nn.Parameter] = {}
        for name, parameter in model.named_parameters():
            if name in others:
                continue
            parameter.requires_grad_(name in wanted)
            if floats16 and parameter.dim() > 1:
                if name in wanted:
                    self.masters[name] = nn.Parameter(parameter.detach().clone())
                    self._used[name] = parameter
                parameter.data = parameter.data.bfloat16()
            elif name in wanted:
                self.masters[name] = parameter

    def collect_gradients(self) -> None:
        for name, used in self._used.items():
            self.masters[name].grad = None if used.grad is None else used.grad.float()
            used.grad = None

    def weights_changed(self) -> None:
        with torch.no_grad():
            for name, used in self._used.items():
                used.copy_(self.masters[name])

    def whole(self) -> dict[str, Tensor]:
        """The trained weights as they are now."""
        return {name: parameter.detach() for name, parameter in self.masters.items()}


def trainable(model: Any, first: int, head: bool) -> set[str]:
    """The layers from `first` on and the last norm; head and embedding where `head`."""
    names, found = find_family(model.config.model_type).names, set()
    layers = f"{names.layers}."
    for name, _ in model.named_parameters():
        if name.startswith(layers):
            wanted = int(name.removeprefix(layers).partition(".")[0]) >= first
        else:
            wanted = head or name.startswith(f"{names.last_norm}.")
        if wanted:
            found.add(name)
    return found
