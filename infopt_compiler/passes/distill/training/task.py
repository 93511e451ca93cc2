"""What the loop asks of the thing that it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class Task(Protocol):
    """Items are numbered 0 … `items` − 1; one of them is a window of tokens or a sentence."""

    @property
    def items(self) -> int: ...

    @property
    def tokens_per_item(self) -> float:
        """For progress and reports."""
        ...

    def parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, by name; the same in every process and after a restart."""
        ...

    @property
    def sharded(self) -> frozenset[str]:
        """Those of `parameters` of which this process holds a share; their gradients are sums over all processes already."""
        ...

    def collect_gradients(self) -> None:
        """After the last backward of a step: see that each of `parameters` has its gradient. Nothing to do where these
        are what the forward uses."""
        ...

    def weights_changed(self) -> None:
        """After a step, and after weights were read back: bring what the forward uses up to date with `parameters`."""
        ...

    def loss(self, items: list[int], step: int) -> tuple[Tensor, int]:
        """The loss summed over the items, and the number of things (tokens, sentences) that it sums over."""
        ...

    def count(self, items: list[int]) -> int:
        """The number of things that `loss` of these items will sum over, without computing it."""
        ...

    def validate(self) -> dict[str, float]:
        """Held-out values; `loss` among them decides which weights are the best."""
        ...
