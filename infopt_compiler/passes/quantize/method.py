"""What a method of quantization is: how the integers of a matrix are chosen, and what it wants to see for that.

A method is a frozen dataclass; of its fields those that `quantize` has as parameters come from the recipe. Its file is
imported by `check` and `plan`, so torch is imported inside functions. docs/architecture.md says how to add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.passes.base import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from infopt_compiler.passes.quantize.grid import Grid
    from infopt_compiler.passes.quantize.solve import Solved


class Observer(ABC):
    """What is kept of the inputs x̂ (T tokens, K inputs) of linears that share them, while calibration text runs through
    the layers quantized so far. Of some tokens it is also known what the unquantized model does: a method that makes
    nothing of that is told of the inputs alone."""

    @abstractmethod
    def add(self, x_TK: Tensor) -> None:
        """Tokens that only the quantized model saw."""

    def add_inputs(self, x_TK: Tensor, reference_TK: Tensor) -> None:
        """Tokens whose inputs in the unquantized model are known, too."""
        self.add(x_TK)

    def add_gap(self, x_TK: Tensor, gap_TR: Tensor) -> None:
        """Tokens of which is known by how much the R outputs lag behind those of the unquantized model."""
        self.add(x_TK)


@dataclass(frozen=True)
class Cost:
    """What a method takes besides reading, rounding and writing: wall seconds, and bytes alive while a layer is solved."""

    seconds: float = 0.0
    layer_bytes: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """Base of all methods; without calibration text `seen` is always None."""

    name: ClassVar[str]
    summary: ClassVar[str]  # one line of docs/passes.md
    calibrated: ClassVar[bool] = False  # it observes the model on text, and cannot do without

    @property
    def reference_windows(self) -> int:
        """Calibration windows that also run unquantized, for observers that make something of it."""
        return 0

    def problems(self, linear: WeightFormat, head: WeightFormat | None) -> Iterator[Problem]:
        """What of these formats it cannot do, with the parameter where the caret goes; `head` where it solves that, too.
        No torch."""
        yield from ()

    def observer(self, width: int) -> Observer:
        """A new one, of linears of that many inputs. Asked of calibrated methods only."""
        raise TypeError(f"`{self.name}` observes nothing")

    @abstractmethod
    def solve(self, w_KR: Tensor, grid: Grid, seen: Observer | None) -> Solved:
        """Integers and scales on that lattice for weights of K inputs and R outputs; matrices that share an input come
        stacked along R. `seen` is never changed: a table over the vocabulary is solved slab by slab with the same one."""

    def cost(self, source: ModelSpec, result: ModelSpec, flops: float | None) -> Cost:
        """From shapes alone, for 64 calibration windows of 512 tokens; `flops` None: the machine is not known."""
        return Cost()
