"""Attention of a rank's heads: a cache of keys and values, rotary positions, and partial results that are merged.

Shape suffixes: B rows of the batch, T queries, S keys, H query heads, G key heads, D channels of a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from infopt_compiler.architectures import Rope

QUERY_BLOCK = 256  # queries whose scores are held at once
_MASKED = -1e30  # not minus infinity: a row of padding alone would become NaN and spread


@dataclass(frozen=True)
class Positions:
    """What is fed: `column_T` in the padded batch, `position_BT` in each text; `valid_BC` says which columns are text."""

    column_T: Tensor
    position_BT: Tensor
    valid_BC: Tensor

    def allowed(self, key_column_S: Tensor, window: int) -> Tensor:
        """bool (B, T, S): which keys a query sees: text, not later than itself, inside the window."""
        distance_TS = self.column_T[:, None] - key_column_S[None, :]
        seen_TS = distance_TS >= 0
        if window:
            seen_TS &= distance_TS < window
        return seen_TS & self.valid_BC[:, None, key_column_S]


class Cache:
    """Keys and values of one microbatch on this rank, room for `slots` columns; which ones they are is in `column_S`."""

    def __init__(
        self, layers: range, shape: tuple[int, int, int], slots: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        batch, heads, channels = shape
        size = (batch, heads, slots, channels)
        self._held = {
            layer: (
                torch.zeros(size, dtype=dtype, device=device),
                torch.zeros(size, dtype=dtype, device=device),
            )
            for layer in layers
        }
        self._columns = torch.zeros(slots, dtype=torch.int64, device=device)
        self._length = 0

    def add(self, layer: int, k_BGTD: Tensor, v_BGTD: Tensor) -> None:
        """Store behind what is there; `advance` makes it count."""
        end = self._length + k_BGTD.shape[2]
        for held, new in zip(self._held[layer], (k_BGTD, v_BGTD), strict=True):
            held[:, :, self._length : end] = new

    def advance(self, column_T: Tensor) -> None:
        """After the last layer: these columns are stored now."""
        end = self._length + len(column_T)
        self._columns[self._length : end] = column_T
        self._length = end

    def read(self, layer: int, column_T: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Keys, values and their columns, those of `column_T` just added among them."""
        end = self._length + len(column_T)
        keys, values = self._held[layer]
        columns = torch.cat([self._columns[: self._length], column_T])
        return keys[:, :, :end], values[:, :, :end], columns

    @property
    def bytes(self) -> int:
        return sum(held.nbytes for pair in self._held.values() for held in pair)


@dataclass(frozen=True)
class Partial:
    """Attention over some of the keys: `out_BHTD`, and the maximum and sum of exponentials (B, H, T) to merge it by."""

    out_BHTD: Tensor
    maximum_BHT: Tensor
    sum_BHT: Tensor


def attend(
    q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, allowed_BTS: Tensor, scale: float | None = None
) -> Partial:
    """Softmax attention; query heads share key heads in their order. Scores are held for a block of queries at a time.

    `scale` of the scores: 1 / sqrt(D) where it is None.
    """
    q_BHTD = q_BHTD / math.sqrt(q_BHTD.shape[-1]) if scale is None else q_BHTD * scale
    blocks = [
        _attend_block(
            q_BHTD[:, :, start : start + QUERY_BLOCK],
            k_BGSD,
            v_BGSD,
            allowed_BTS[:, start : start + QUERY_BLOCK],
        )
        for start in range(0, q_BHTD.shape[2], QUERY_BLOCK)
    ]
    if len(blocks) == 1:
        return blocks[0]
    return Partial(
        *(torch.cat(parts, dim=2) for parts in zip(*(vars(block).values() for block in blocks), strict=True))
    )


def _attend_block(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, allowed_BTS: Tensor) -> Partial:
    batch, heads, count, channels = q_BHTD.shape
    groups = k_BGSD.shape[1]
    q = q_BHTD.reshape(batch, groups, -1, channels)
    scores = (q @ k_BGSD.transpose(2, 3)).float().view(batch, groups, heads // groups, count, -1)
    scores.masked_fill_(~allowed_BTS[:, None, None], _MASKED)
    maximum = scores.amax(-1, keepdim=True)
    weights = scores.sub_(maximum).exp_()
    total = weights.sum(-1, keepdim=True)
    weights /= total
    out = weights.to(v_BGSD.dtype).view(batch, groups, -1, weights.shape[-1]) @ v_BGSD
    shape = (batch, heads, count)
    return Partial(out.view(*shape, channels), maximum.view(shape), total.view(shape))


def merged(parts: list[Partial]) -> Tensor:
    """Attention over all keys from attention over parts of them (as in flash decoding): out (B, H, T, D)."""
    if len(parts) == 1:
        return parts[0].out_BHTD
    maximum = torch.stack([part.maximum_BHT for part in parts]).amax(0)
    weights = [part.sum_BHT * (part.maximum_BHT - maximum).exp() for part in parts]
    total = torch.stack(weights).sum(0)
    out = sum(
        (part.out_BHTD * (weight / total)[..., None] for part, weight in zip(parts, weights, strict=True)),
        torch.zeros(()),
    )
    assert isinstance(out, Tensor)
    return out.to(parts[0].out_BHTD.dtype)


class Rotary:
    """Rotary positions (arXiv 2104.09864), in float32 as transformers computes them; Llama 3 stretches low frequencies."""

    def __init__(self, rope: Rope, channels: int, device: torch.device) -> None:
        exponent = torch.arange(0, channels, 2, dtype=torch.float32) / channels
        self._frequencies = _stretched(1.0 / rope.theta**exponent, rope).to(device)

    def tables(self, position_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (B, 1, T, D)."""
        angles = position_BT[..., None].float() * self._frequencies
        both = torch.cat([angles, angles], dim=-1)[:, None]
        return both.cos(), both.sin()


def rotate(x_BHTD: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = (table.to(x_BHTD.dtype) for table in tables)
    left, right = x_BHTD.chunk(2, dim=-1)
    return x_BHTD * cosine + torch.cat([-right, left], dim=-1) * sine


def _stretched(frequencies: Tensor, rope: Rope) -> Tensor:
    if rope.kind == "linear":
        return frequencies / rope.factor
    if rope.kind != "llama3":
        return frequencies
    waves = 2 * math.pi / frequencies
    smooth = (rope.original / waves - rope.low) / (rope.high - rope.low)
    between = (1 - smooth) * frequencies / rope.factor + smooth * frequencies
    long, short = waves > rope.original / rope.low, waves < rope.original / rope.high
    return torch.where(long, frequencies / rope.factor, torch.where(short, frequencies, between))
