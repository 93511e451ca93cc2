"""What is known of a layer's inputs: their second moments, and how they differ from the unquantized model's."""

from __future__ import annotations

import torch
from torch import Tensor

from .hessian import Hessian, mean, revive_dead

RIDGE = 0.03  # of the mean diagonal: keeps the correction from fitting the noise of few tokens


class Moments:
    """Sums over calibration tokens of a site where K inputs arrive, x̂ (quantized model) and x (reference).

    Tokens that both models saw and tokens that only the quantized one saw are summed apart.
    """

    def __init__(self, width: int) -> None:
        self._alone = Hessian(width)
        self._paired = Hessian(width)
        self._shift_KK: Tensor | None = None
        self._residual_KR: Tensor | None = None

    def add(self, x_TK: Tensor) -> None:
        """Tokens that only the quantized model saw."""
        self._alone.add(x_TK)

    def add_pair(self, x_TK: Tensor, reference_TK: Tensor, residual_TR: Tensor | None) -> None:
        """The same tokens in both models; `residual_TR` is by how much the residual stream already lags behind."""
        self._paired.add(x_TK)
        if self._shift_KK is None:
            self._shift_KK = torch.zeros(x_TK.shape[1], x_TK.shape[1])
        self._shift_KK.addmm_(x_TK.T, reference_TK - x_TK)
        if residual_TR is None:
            return
        if self._residual_KR is None:
            self._residual_KR = torch.zeros(x_TK.shape[1], residual_TR.shape[1])
        self._residual_KR.addmm_(x_TK.T, residual_TR)

    def hessian(self) -> Tensor:
        """Mean of x̂x̂ᵀ over all tokens."""
        return mean(self._alone, self._paired)

    def target(self, w_KR: Tensor) -> Tensor:
        """The weights that, fed x̂, best give what the reference's weights give on x, residual included.

        W* = W + (Σx̂x̂ᵀ + λ)⁻¹ Σ x̂ ((x - x̂)ᵀW + rᵀ): ridge regression around W. Source: the asymmetric
        calibration of GPTAQ (arXiv 2504.02692), with the residual stream's error r added to it.
        """
        if self._shift_KK is None:
            return w_KR
        wanted_KR = self._shift_KK @ w_KR
        if self._residual_KR is not None:
            wanted_KR += self._residual_KR
        h_KK = revive_dead(mean(self._paired))
        h_KK.diagonal().add_(RIDGE * float(h_KK.diagonal().mean()))
        lower = torch.linalg.cholesky(h_KK)
        return w_KR + torch.cholesky_solve(wanted_KR / self._paired.tokens, lower)
