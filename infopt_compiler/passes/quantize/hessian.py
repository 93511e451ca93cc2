"""Second moments of a layer's inputs, and the factor that GPTQ needs."""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import NonFinite

SPLIT = 6  # column blocks of a symmetric product: 21 of 36 are computed


class Hessian:
    """Running sum of xᵀx over calibration tokens, float32 (K, K); only what symmetry does not give is computed."""

    def __init__(self, width: int) -> None:
        self.sum_KK = torch.zeros(width, width)
        self.tokens = 0
        step = -(-width // SPLIT)
        self._blocks = [(start, min(width, start + step)) for start in range(0, width, step)]

    def add(self, x_TK: Tensor) -> None:
        """Add T tokens."""
        for start, stop in self._blocks:
            self.sum_KK[start:stop, start:].addmm_(x_TK[:, start:stop].T, x_TK[:, start:])
        self.tokens += x_TK.shape[0]


def mean(*parts: Hessian) -> Tensor:
    """The symmetric mean over all tokens of the parts. Raises NonFinite where an activation overflowed."""
    tokens = max(1, sum(part.tokens for part in parts))
    upper = torch.stack([part.sum_KK for part in parts]).sum(0).triu_() / tokens
    full = upper + upper.triu(1).T
    if not bool(torch.isfinite(full).all()):
        raise NonFinite("the calibration activations are not finite")
    return full


def revive_dead(h_KK: Tensor) -> Tensor:
    """Inputs that were never active get a unit diagonal (GPTQ §3.3): their weights are rounded to nearest."""
    diagonal = h_KK.diagonal()
    dead = diagonal <= 0
    if bool(dead.any()):
        diagonal[dead] = diagonal[~dead].mean() if bool((~dead).any()) else 1.0
    return h_KK


def inverse_factor(h_KK: Tensor, damp: float) -> Tensor:
    """Upper triangular U with UᵀU = (H + damp·mean(diag H)·I)⁻¹ (GPTQ, arXiv 2210.17323, §3.3 step 3).

    With J the reversal of order, chol(JHJ) reversed is V with VVᵀ = H, so U = V⁻¹: one factorisation and
    one triangular inverse in place of two factorisations and an inverse. Damping grows tenfold, up to
    three times, where the factorisation fails.
    """
    flipped = h_KK.flip(0, 1)
    mean = float(h_KK.diagonal().mean())
    for attempt in range(4):
        damped = flipped.clone()
        damped.diagonal().add_(mean * max(damp, 1e-6) * 10**attempt)
        lower, info = torch.linalg.cholesky_ex(damped)
        if int(info) == 0:
            identity = torch.eye(h_KK.shape[0])
            return torch.linalg.solve_triangular(lower, identity, upper=False).flip(0, 1)
    raise NonFinite("the Hessian is not positive definite, even damped")
