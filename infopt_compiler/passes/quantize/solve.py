"""Quantize matrices that share one input: choose scales, solve for integers, refine both."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import refine
from .errors import NonFinite
from .gptq import gptq, visiting_order
from .grid import Grid, Scales, dequantize, minmax, quantize, search
from .hessian import inverse_factor, revive_dead


@dataclass
class Solved:
    """Integers (float32 whole numbers, (K, R)), their scales, and the error relative to the signal's energy."""

    q_KR: Tensor
    scales: Scales
    grid: Grid
    relative_error: float

    def values(self) -> Tensor:
        """Dequantized weights in transformers' layout (R, K)."""
        return dequantize(self.q_KR, self.scales, self.grid).T.contiguous()

    def rows(self, start: int, stop: int) -> Solved:
        """The part that belongs to one of the stacked matrices."""
        scales = Scales(self.scales.scale_GR[:, start:stop], self.scales.zero_GR[:, start:stop])
        return Solved(self.q_KR[:, start:stop].contiguous(), scales, self.grid, self.relative_error)


def solve_nearest(w_KR: Tensor, grid: Grid, scale_search: bool) -> Solved:
    """Round to nearest, with scales that clip nothing or, searched, of least squared error."""
    require_finite(w_KR)
    scales = search(w_KR, torch.ones(w_KR.shape[0]), grid) if scale_search else minmax(w_KR, grid)
    return rounded(w_KR, scales, grid)


def rounded(w_KR: Tensor, scales: Scales, grid: Grid) -> Solved:
    """The nearest integers with these scales."""
    q_KR = quantize(w_KR, scales, grid)
    error = (w_KR - dequantize(q_KR, scales, grid)).square().sum(dtype=torch.float64)
    energy = w_KR.square().sum(dtype=torch.float64).clamp_min(1e-30)
    return Solved(q_KR, scales, grid, float(error / energy))


def solve_gptq(
    w_KR: Tensor,
    h_KK: Tensor,
    grid: Grid,
    *,
    act_order: bool = True,
    scale_search: bool = True,
    refined: bool = True,
    damp: float = 0.01,
) -> Solved:
    """GPTQ, then coordinate descent and a refit of the scales, all against the same damped Hessian."""
    require_finite(w_KR)
    h_KK = revive_dead(h_KK)
    order_K = visiting_order(h_KK, act_order)
    factor = inverse_factor(h_KK[order_K][:, order_K], damp)
    scales = _scales(w_KR, factor, order_K, grid) if scale_search else minmax(w_KR, grid)
    q_KR = gptq(w_KR, factor, scales, grid, order_K)
    if refined:
        damped = h_KK.clone()
        damped.diagonal().add_(damp * float(h_KK.diagonal().mean()))
        q_KR = refine.descend(w_KR, damped, q_KR, scales, grid, order_K)
        scales = refine.refit(w_KR, damped, q_KR, scales, grid)
    energy = float(((h_KK @ w_KR) * w_KR).sum(dtype=torch.float64))
    error = refine.loss(w_KR, h_KK, q_KR, scales, grid) / max(energy, 1e-30)
    return Solved(q_KR, scales, grid, error)


def _scales(w_KR: Tensor, factor: Tensor, order_K: Tensor, grid: Grid) -> Scales:
    """GPTQ pays e² / U_jj² for an error e at column j: what the columns after it cannot absorb."""
    weight_K = torch.empty(len(order_K))
    weight_K[order_K] = 1 / factor.diagonal().square()
    return search(w_KR, weight_K, grid)


def require_finite(w_KR: Tensor) -> None:
    if not bool(torch.isfinite(w_KR).all()):
        raise NonFinite("a weight matrix holds infinite or undefined values")
