"""Linear weights of a rank: floats, or integers with scales that are turned into floats a slab at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import linear

SLAB_VALUES = 1 << 22  # floats made from integers at once


class Matrix(Protocol):
    """Rows are outputs. Computes in the dtype of what it is given."""

    def __call__(self, x_NK: Tensor) -> Tensor:
        """(…, K) to (…, R)."""

    def rows(self, ids: Tensor) -> Tensor:
        """The rows of these indices, in the dtype that is computed in."""


@dataclass(frozen=True)
class FloatMatrix:
    """Weights (R, K), stored in `weight.dtype`, computed in `compute`."""

    weight_RK: Tensor
    compute: torch.dtype
    bias_R: Tensor | None = None

    def __call__(self, x_NK: Tensor) -> Tensor:
        if self.weight_RK.dtype == self.compute:
            return linear(x_NK, self.weight_RK, self.bias_R)
        step = max(1, SLAB_VALUES // self.weight_RK.shape[1])
        parts = [linear(x_NK, slab.to(self.compute)) for slab in self.weight_RK.split(step)]
        return _joined(parts, self.bias_R)

    def rows(self, ids: Tensor) -> Tensor:
        return self.weight_RK[ids].to(self.compute)


@dataclass(frozen=True)
class IntegerMatrix:
    """`(q - zero) * scale` (`artifacts.quantized`): `q_RB` packed, the lower index in the lower bits; `scale_RG` float32."""

    q_RB: Tensor
    scale_RG: Tensor
    zero_RB: Tensor | None
    bits: int
    group: int
    compute: torch.dtype
    bias_R: Tensor | None = None

    def __call__(self, x_NK: Tensor) -> Tensor:
        width = self.scale_RG.shape[1] * self.group
        step = max(1, SLAB_VALUES // width)
        slabs = (slice(row, row + step) for row in range(0, self.q_RB.shape[0], step))
        return _joined([linear(x_NK, self._floats(slab)) for slab in slabs], self.bias_R)

    def rows(self, ids: Tensor) -> Tensor:
        return self._floats(ids)

    def _floats(self, rows: slice | Tensor) -> Tensor:
        """Float weights (rows, K), by the operations of `artifacts.quantized` in their order, so to the same bits."""
        scale = self.scale_RG[rows]
        count, groups = scale.shape
        values = unpack(self.q_RB[rows], self.bits).to(torch.float32)[:, : groups * self.group]
        blocks = values.reshape(count, groups, self.group)
        if self.zero_RB is None:
            blocks -= float(1 << (self.bits - 1))
        else:
            blocks -= unpack(self.zero_RB[rows], self.bits)[:, :groups, None].to(torch.float32)
        blocks *= scale[:, :, None]
        return blocks.reshape(count, -1).to(self.compute)


def unpack(packed_RB: Tensor, bits: int) -> Tensor:
    """uint8 (R, B·8/bits)."""
    if bits == 8:
        return packed_RB
    mask = (1 << bits) - 1
    parts = [(packed_RB >> shift) & mask for shift in range(0, 8, bits)]
    return torch.stack(parts, dim=2).flatten(1)


def _joined(parts: list[Tensor], bias_R: Tensor | None) -> Tensor:
    out = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
    return out if bias_R is None else out + bias_R


def activate(x: Tensor, name: str) -> Tensor:
    if name == "silu":
        return functional.silu(x)
    if name == "relu":
        return functional.relu(x)
    return functional.gelu(x, approximate="tanh" if name == "gelu_pytorch_tanh" else "none")
