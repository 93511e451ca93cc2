"""Integers of a linear chosen anew for given inputs: coordinate descent on the grid, from the integers that it has.

The objective is that of GPTQ, tr((W − T) G (W − T)ᵀ) for a target T and the Gram matrix G of the inputs; every move makes it
smaller (QuantEase, arXiv 2309.01885). Columns go in blocks, so that most of the work is products of matrices.

Legend of shapes: R rows, K columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from infopt_compiler.passes.distill.qat_weights import Matrix

_BLOCK = 64  # columns between two updates of all others
_DAMP = 0.01  # ridge, as a share of the Gram matrix's mean diagonal


def descend(matrix: Matrix, target_RK: Tensor, gram_KK: Tensor, sweeps: int) -> float:
    """Change the integers in place; the objective as a share of what it was."""
    gram_KK = gram_KK.clone()
    gram_KK.diagonal().add_(_DAMP * gram_KK.diagonal().mean())
    error_KR = (matrix.weight() - target_RK).T.contiguous()
    q_KR, scale_KR = matrix.integers().T.contiguous(), _wide(matrix).T.contiguous()
    slope_KR = gram_KK @ error_KR
    before = float((error_KR * slope_KR).sum())
    top = float((1 << matrix.bits) - 1)
    with _one_thread():
        for first in [*range(0, len(q_KR), _BLOCK)] * sweeps:
            at = slice(first, first + _BLOCK)
            moved_BR = _columns(q_KR[at], scale_KR[at], slope_KR[at].clone(), gram_KK[at, at], top)
            slope_KR.addmm_(gram_KK[:, at], moved_BR)
            error_KR[at] += moved_BR
    matrix.take(q_KR.T.contiguous())
    return float((error_KR * slope_KR).sum()) / max(before, 1e-30)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Steps of a column are short: threads that wait for each other in every one took ten times as long on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _columns(q_BR: Tensor, scale_BR: Tensor, slope_BR: Tensor, gram_BB: Tensor, top: float) -> Tensor:
    """Move a block's integers in place, one column after the other; by how much their weights moved."""
    moved_BR = torch.zeros_like(slope_BR)
    for k in range(len(q_BR)):
        best_R = (q_BR[k] - slope_BR[k] / (gram_BB[k, k] * scale_BR[k])).round_().clamp_(0, top)
        moved_BR[k] = (best_R - q_BR[k]) * scale_BR[k]
        q_BR[k] = best_R
        slope_BR.addr_(gram_BB[:, k], moved_BR[k])
    return moved_BR


def _wide(matrix: Matrix) -> Tensor:
    """The scale of each weight (R, K)."""
    return matrix.scales().repeat_interleave(matrix.group, dim=1)
