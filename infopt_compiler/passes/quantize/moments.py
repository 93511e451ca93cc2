"""What is known of a layer's inputs: their second moments, and how they differ from the unquantized model's."""

from __future__ import annotations

import torch
from torch import Tensor

from .hessian import Hessian, mean, revive_dead
from .method import Observer

RIDGE = 0.03  # of the mean diagonal: keeps the correction from fitting the noise of few tokens


class Moments(Observer):
    """Sums over calibration tokens of a site where K inputs arrive, x̂ (quantized model) and x (reference).

    Tokens that both models saw and tokens that only the quantized one saw are summed apart.
    """

    def __init__(self, width: int) -> None:
        self._alone = Hessian(width)
        self._paired = Hessian(width)
        self._shift_KK: Tensor | None = None
        self._gap_KR: Tensor | None = None

    def add(self, x_TK: Tensor) -> None:
        """Tokens that only the quantized model saw."""
        self._alone.add(x_TK)

    def add_inputs(self, x_TK: Tensor, reference_TK: Tensor) -> None:
        """Tokens that both models saw, where both inputs are at hand: sums x̂(x - x̂)ᵀ."""
        self._paired.add(x_TK)
        if self._shift_KK is None:
            self._shift_KK = torch.zeros(x_TK.shape[1], x_TK.shape[1])
        self._shift_KK.addmm_(x_TK.T, reference_TK - x_TK)

    def add_gap(self, x_TK: Tensor, gap_TR: Tensor) -> None:
        """Tokens that both models saw, where outputs are narrower than inputs: by how much outputs lag behind."""
        self._paired.add(x_TK)
        if self._gap_KR is None:
            self._gap_KR = torch.zeros(x_TK.shape[1], gap_TR.shape[1])
        self._gap_KR.addmm_(x_TK.T, gap_TR)

    def hessian(self) -> Tensor:
        """Mean of x̂x̂ᵀ over all tokens."""
        return mean(self._alone, self._paired)

    def target(self, w_KR: Tensor) -> Tensor:
        """The weights that, fed x̂, best give what the reference's weights give on x.

        W* = W + (Σx̂x̂ᵀ + λ)⁻¹ Σ x̂ gᵀ, ridge regression around W of the gap g between the outputs: (x - x̂)ᵀW
        for inputs, for output projections by how much the residual stream would lag behind after them.
        Source: the asymmetric calibration of GPTAQ (arXiv 2504.02692); the residual's share is ours.
        """
        if self._gap_KR is not None:
            wanted_KR = self._gap_KR
        elif self._shift_KK is not None:
            wanted_KR = self._shift_KK @ w_KR
        else:
            return w_KR
        h_KK = revive_dead(mean(self._paired))
        h_KK.diagonal().add_(RIDGE * float(h_KK.diagonal().mean()))
        lower = torch.linalg.cholesky(h_KK)
        return w_KR + torch.cholesky_solve(wanted_KR / self._paired.tokens, lower)
