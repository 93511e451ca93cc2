"""Improve integers and scales after GPTQ, each step lowering tr((W-Ŵ)ᵀ H (W-Ŵ)) over what it may change.

`descend` revisits every integer given all others (coordinate descent; QuantEase, arXiv 2309.01885,
section 3); `refit` takes the best scales for fixed integers (least squares over a row's groups).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import Grid, Scales, dequantize, grouped

BLOCK = 32


def loss(w_KR: Tensor, h_KK: Tensor, q_KR: Tensor, scales: Scales, grid: Grid) -> float:
    """tr((W-Ŵ)ᵀ H (W-Ŵ)), summed in float64."""
    error = w_KR - dequantize(q_KR, scales, grid)
    return float(((h_KK @ error) * error).sum(dtype=torch.float64))


def descend(w_KR: Tensor, h_KK: Tensor, q_KR: Tensor, scales: Scales, grid: Grid, order_K: Tensor) -> Tensor:
    """One sweep of exact coordinate minimisation over all integers; rows are independent."""
    h = h_KK[order_K][:, order_K]
    q = q_KR[order_K]
    error = (w_KR - dequantize(q_KR, scales, grid))[order_K]
    gradient = h @ error
    group_K = torch.div(order_K, grid.group, rounding_mode="floor").tolist()
    inverse_GR = 1 / scales.scale_GR
    inverse_diagonal = (1 / h.diagonal()).tolist()
    width = q.shape[0]
    for begin in range(0, width, BLOCK):
        end = min(width, begin + BLOCK)
        moved = torch.empty(end - begin, q.shape[1])
        for j in range(begin, end):
            g = group_K[j]
            step = (gradient[j] * inverse_GR[g]).mul_(inverse_diagonal[j]).add_(q[j])
            delta = step.round_().clamp_(0, grid.top).sub_(q[j])
            q[j] += delta
            move = moved[j - begin]
            torch.mul(delta, scales.scale_GR[g], out=move)
            gradient[j + 1 : end].addr_(h[j, j + 1 : end], move, alpha=-1)
        gradient[end:].addmm_(h[end:, begin:end], moved, alpha=-1)
    out = torch.empty_like(q)
    out[order_K] = q
    return out


def refit(w_KR: Tensor, h_KK: Tensor, q_KR: Tensor, scales: Scales, grid: Grid) -> Scales:
    """The scales of least error for these integers: per row, solve (CᵀHC) s = CᵀHw over its G groups."""
    c = grouped(q_KR, grid.group) - scales.zero_GR.unsqueeze(1)
    groups, size, rows = c.shape
    target_KR = h_KK @ w_KR
    rhs_GR = (c * grouped(target_KR, size)).sum(1)
    gram = torch.empty(rows, groups, groups)
    for g in range(groups):
        projected = h_KK[:, g * size : (g + 1) * size] @ c[g]
        gram[:, :, g] = (c * grouped(projected, size)).sum(1).T
    ridge = gram.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-30) * 1e-4
    prior_GR = scales.scale_GR
    gram.diagonal(dim1=1, dim2=2).add_(ridge.unsqueeze(1))
    solved, info = torch.linalg.solve_ex(gram, (rhs_GR + ridge * prior_GR).T.unsqueeze(2))
    fresh_GR = solved.squeeze(2).T
    usable = torch.isfinite(fresh_GR).all(0) & (info == 0)
    fresh_GR = torch.where(usable.unsqueeze(0) & (fresh_GR.abs() > 1e-30), fresh_GR, prior_GR)
    return Scales(fresh_GR.contiguous(), scales.zero_GR)
