"""GPTQ: round one input column after the other, and let the columns not yet rounded absorb the error.

Source: arXiv 2210.17323, algorithm 1, with activation order and *static* groups: columns are visited by
falling activity, but every column keeps the scale of the group it lies in, so the layout stays plain.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import Grid, Scales

BLOCK = 32


def visiting_order(h_KK: Tensor, act_order: bool) -> Tensor:
    """Columns by falling activation energy (stable, so that ties keep their place), or as they lie."""
    if not act_order:
        return torch.arange(h_KK.shape[0])
    return torch.argsort(h_KK.diagonal(), descending=True, stable=True)


def gptq(w_KR: Tensor, factor: Tensor, scales: Scales, grid: Grid, order_K: Tensor) -> Tensor:
    """Integers (float32, (K, R), in the weights' own order) of little error tr((W-Ŵ)ᵀ H (W-Ŵ)).

    `factor`: `inverse_factor` of the Hessian in visiting order. Rows are independent, so matrices that
    share an input (q, k, v; gate, up) are solved stacked along R.
    """
    work_KR = w_KR[order_K]
    group_K = torch.div(order_K, grid.group, rounding_mode="floor").tolist()
    q_KR = torch.empty_like(work_KR)
    inverse_GR = 1 / scales.scale_GR
    width = work_KR.shape[0]
    for begin in range(0, width, BLOCK):
        end = min(width, begin + BLOCK)
        errors = torch.empty(end - begin, work_KR.shape[1])
        for j in range(begin, end):
            g = group_K[j]
            zero = scales.zero_GR[g]
            q = torch.addcmul(zero, work_KR[j], inverse_GR[g]).round_().clamp_(0, grid.top)
            q_KR[j] = q
            error = errors[j - begin]
            torch.sub(work_KR[j], q.sub_(zero).mul_(scales.scale_GR[g]), out=error)
            error.div_(factor[j, j])
            work_KR[j + 1 : end].addr_(factor[j, j + 1 : end], error, alpha=-1)
        work_KR[end:].addmm_(factor[begin:end, end:].T, errors, alpha=-1)
    out = torch.empty_like(q_KR)
    out[order_K] = q_KR
    return out
