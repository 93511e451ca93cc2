"""The lattice of values that a quantized weight can take, and the choice of its scales.

A weight matrix is held transposed, `w_KR`: K input dimensions times R output rows, so that one input
column is contiguous. `group` consecutive input dimensions of a row share one scale and one zero point
(`scale_GR`, `zero_GR`): ``w ≈ (q - zero) * scale`` with integers ``0 <= q < 2**bits``.

Legend of suffixes: K input dimensions, R output rows, G groups (K / group), g inside a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK_ELEMENTS = 1 << 18  # temporaries of a search: near the caches, yet enough work per operation
COARSE = (0.55, 0.65, 0.72, 0.78, 0.83, 0.88, 0.92, 0.96, 1.0, 1.06)


@dataclass(frozen=True)
class Grid:
    """Bits, group size and symmetry of a lattice.

    Symmetric grids fix the zero point in the middle (8 of 0..15, 128 of 0..255), where `MatMulNBits`
    assumes it; their scales may be negative, which puts the longer half (-8 against +7) on the longer tail.
    """

    bits: int
    group: int
    symmetric: bool

    @property
    def top(self) -> int:
        """The largest integer."""
        return (1 << self.bits) - 1

    @property
    def middle(self) -> int:
        """The zero point of a symmetric grid."""
        return 1 << (self.bits - 1)


@dataclass
class Scales:
    """Scale and zero point of every group: float32 tensors of shape (G, R); the zero points are whole numbers."""

    scale_GR: Tensor
    zero_GR: Tensor


def grouped(w_KR: Tensor, group: int) -> Tensor:
    """View (K, R) as (G, g, R)."""
    return w_KR.view(w_KR.shape[0] // group, group, w_KR.shape[1])


def quantize(w_KR: Tensor, scales: Scales, grid: Grid) -> Tensor:
    """Nearest integers, float32 (K, R)."""
    q = grouped(w_KR, grid.group) / scales.scale_GR.unsqueeze(1)
    return q.add_(scales.zero_GR.unsqueeze(1)).round_().clamp_(0, grid.top).view_as(w_KR)


def dequantize(q_KR: Tensor, scales: Scales, grid: Grid) -> Tensor:
    """The values that integers stand for, float32 (K, R)."""
    centred = grouped(q_KR, grid.group) - scales.zero_GR.unsqueeze(1)
    return centred.mul_(scales.scale_GR.unsqueeze(1)).view_as(q_KR)


def minmax(w_KR: Tensor, grid: Grid) -> Scales:
    """The tightest scales that clip nothing by more than half a step: every |w - ŵ| <= |scale| / 2."""
    w = grouped(w_KR, grid.group)
    high_GR, low_GR = w.amax(1).clamp_min(0), w.amin(1).clamp_max(0)
    if grid.symmetric:
        step = torch.maximum(_symmetric_step(high_GR, -low_GR, grid), torch.zeros(()))
        signed = torch.where(high_GR > -low_GR, -step, step)
        return Scales(_never_zero(signed), torch.full_like(signed, grid.middle))
    scale_GR = _never_zero((high_GR - low_GR) / grid.top)
    return Scales(scale_GR, (-low_GR / scale_GR).round_().clamp_(0, grid.top))


def _symmetric_step(high_GR: Tensor, low_GR: Tensor, grid: Grid) -> Tensor:
    longer, shorter = torch.maximum(high_GR, low_GR), torch.minimum(high_GR, low_GR)
    return torch.maximum(longer / grid.middle, shorter / (grid.middle - 0.5))


def _never_zero(scale: Tensor) -> Tensor:
    """A group of zeros has no extent: any scale will do, but it must divide."""
    return torch.where(scale.abs() < 1e-30, torch.ones_like(scale), scale)


def search(w_KR: Tensor, weight_K: Tensor, grid: Grid) -> Scales:
    """Scales of least weighted squared error: minimise sum_k weight_k (w_k - ŵ_k)² in every group.

    Every candidate rounds the group, then takes the scale that is best for those integers in closed form
    (least squares); so a coarse set of candidates suffices. Sources: the search of llama.cpp's
    `make_qx_quants`; the closed form is ordinary least squares.
    """
    start = minmax(w_KR, grid)
    rows = max(1, CHUNK_ELEMENTS // w_KR.shape[0])
    weights = weight_K.view(-1, grid.group, 1)
    for begin in range(0, w_KR.shape[1], rows):
        part = slice(begin, begin + rows)
        w = grouped(w_KR[:, part].contiguous(), grid.group)
        found = _search_chunk(w, weights, Scales(start.scale_GR[:, part], start.zero_GR[:, part]), grid)
        start.scale_GR[:, part], start.zero_GR[:, part] = found.scale_GR, found.zero_GR
    return start


def _search_chunk(w: Tensor, weights: Tensor, start: Scales, grid: Grid) -> Scales:
    weighted = w * weights
    best = Scales(start.scale_GR.clone(), start.zero_GR.clone())
    best_gain = torch.full_like(best.scale_GR, -torch.inf)
    for scale_GR, zero_GR in _candidates(start, grid):
        refit, gain = _fit(w, weights, weighted, scale_GR, zero_GR, grid)
        better = gain > best_gain
        best_gain = torch.where(better, gain, best_gain)
        best.scale_GR = torch.where(better, refit, best.scale_GR)
        best.zero_GR = torch.where(better, zero_GR, best.zero_GR)
    for _ in range(2):
        refit, gain = _fit(w, weights, weighted, best.scale_GR, best.zero_GR, grid)
        best.scale_GR = torch.where(gain >= best_gain, refit, best.scale_GR)
        best_gain = torch.maximum(gain, best_gain)
    return Scales(_never_zero(best.scale_GR), best.zero_GR)


def _candidates(start: Scales, grid: Grid) -> Iterator[tuple[Tensor, Tensor]]:
    """Shrunken (and a little widened) scales; both signs if symmetric, neighbouring zero points if not."""
    if grid.symmetric:
        for factor in COARSE:
            yield start.scale_GR * factor, start.zero_GR
            yield start.scale_GR * -factor, start.zero_GR
        return
    centre_GR = (grid.top / 2 - start.zero_GR) * start.scale_GR
    for factor in COARSE:
        scale_GR = start.scale_GR * factor
        nearest = (grid.top / 2 - centre_GR / scale_GR).round_().clamp_(0, grid.top)
        for shift in (-1, 0, 1):
            yield scale_GR, (nearest + shift).clamp_(0, grid.top)


def _fit(
    w: Tensor, weights: Tensor, weighted: Tensor, scale_GR: Tensor, zero_GR: Tensor, grid: Grid
) -> tuple[Tensor, Tensor]:
    """Round with a scale; return the best scale for the integers found, and the error that it removes."""
    c = w * (1 / scale_GR).unsqueeze(1)
    if grid.symmetric:
        c = c.round_().clamp_(-grid.middle, grid.top - grid.middle)
    else:
        zero = zero_GR.unsqueeze(1)
        c = c.add_(zero).round_().clamp_(0, grid.top).sub_(zero)
    along = (weighted * c).sum(1)
    norm = c.mul_(c).mul_(weights).sum(1)
    empty = norm <= 0
    refit = torch.where(empty, scale_GR, along / torch.where(empty, torch.ones_like(norm), norm))
    return _never_zero(refit), torch.where(empty, torch.zeros_like(norm), along * refit)
