"""The head and the loss in one: logits exist for a chunk of tokens at a time, and their gradient has a closed form.

A training step's logits (tokens × vocabulary) are the largest tensor of small models by far; here they are made, used
and dropped chunk by chunk, as in Liger's fused linear cross entropy (arXiv 2410.10989). With a loss f over the log
probabilities of the teacher's words K and of the rest r, and g = ∂f/∂log q:

    ∂f/∂z_v = [v in K] g_v + [v not in K] g_r q_v / q_r − q_v (Σ g)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .amounts import CHUNK_TOKENS
from .objective import Objective, divergence

_FLOOR = -30.0  # a rest of less than e^-30 is as good as none, and its logarithm must stay finite


@dataclass(frozen=True)
class Soft:
    """A teacher's view of N tokens: its likeliest words (N, K), int64, and their log probabilities (N, K), float32."""

    words_NK: Tensor
    log_p_NK: Tensor

    def with_rest(self) -> Tensor:
        """(N, K + 1): the log probability of all other words behind the K."""
        return torch.cat([self.log_p_NK, log_rest(self.log_p_NK)], dim=-1)


@dataclass(frozen=True)
class Blend:
    """`hard` is the weight of the text's own next words, 1 − `hard` that of the divergence at `temperature`, which is
    scaled by its square (Hinton, arXiv 1503.02531, section 2.1)."""

    objective: Objective
    temperature: float = 1.0
    hard: float = 0.0
    mix: float = 0.5

    @property
    def soft(self) -> float:
        return 0.0 if self.objective is Objective.hard else 1.0 - self.hard

    @property
    def text(self) -> float:
        return 1.0 if self.objective is Objective.hard else self.hard


def log_rest(log_p_NK: Tensor) -> Tensor:
    """(N, 1): log(1 − Σ p), at least `_FLOOR`."""
    rest = 1 - log_p_NK.exp().sum(-1, keepdim=True)
    return rest.clamp_min(1e-13).log().clamp_min(_FLOOR)


def head_loss(h_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, soft: Soft | None, blend: Blend) -> Tensor:
    """The summed loss over N tokens, a scalar; its gradients are made in the forward and scaled in the backward."""
    loss: Tensor = _HeadLoss.apply(h_ND, weight_VD, targets_N, soft, blend)
    return loss


class _HeadLoss(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, h_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, soft: Soft | None, blend: Blend
    ) -> Tensor:
        needs_h, needs_weight = ctx.needs_input_grad[:2]
        dtype = _compute_dtype(h_ND)
        weight = weight_VD.to(dtype)
        grad_h = torch.empty_like(h_ND) if needs_h else None
        grad_weight = torch.zeros_like(weight_VD, dtype=torch.float32) if needs_weight else None
        total = torch.zeros((), dtype=torch.float64, device=h_ND.device)
        for first in range(0, len(h_ND), CHUNK_TOKENS):
            part = slice(first, first + CHUNK_TOKENS)
            h = h_ND[part].to(dtype)
            view = Soft(soft.words_NK[part], soft.log_p_NK[part]) if soft is not None else None
            loss, grad = chunk_loss((h @ weight.T).float(), targets_N[part], view, blend)
            total += loss.double()
            grad = grad.to(dtype)
            if grad_h is not None:
                grad_h[part] = grad @ weight
            if grad_weight is not None:
                grad_weight += grad.T @ h
        ctx.save_for_backward(grad_h, grad_weight)
        ctx.weight_dtype = weight_VD.dtype
        return total.float()

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        grad_h, grad_weight = ctx.saved_tensors
        scale = outer[0]
        return (
            None if grad_h is None else grad_h * scale,
            None if grad_weight is None else (grad_weight * scale).to(ctx.weight_dtype),
            None,
            None,
            None,
        )


def _compute_dtype(h_ND: Tensor) -> torch.dtype:
    kind = h_ND.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else h_ND.dtype


def chunk_loss(
    logits_NV: Tensor, targets_N: Tensor, soft: Soft | None, blend: Blend
) -> tuple[Tensor, Tensor]:
    """(summed loss, its gradient (N, V)); `logits_NV` is used up."""
    grad: Tensor | None = None
    total = logits_NV.new_zeros(())
    if blend.text > 0:
        total, grad = _hard(logits_NV, targets_N, blend.text)
    if blend.soft > 0 and soft is not None:
        loss, soft_grad = _soft(logits_NV, soft, blend)
        total = total + loss
        grad = soft_grad if grad is None else grad.add_(soft_grad)
    assert grad is not None
    return total, grad


def _hard(logits_NV: Tensor, targets_N: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Cross entropy with the text's words: gradient q − 1 at the word."""
    index = targets_N.unsqueeze(1)
    lse = logits_NV.logsumexp(-1, keepdim=True)
    loss = (lse - logits_NV.gather(1, index)).sum()
    grad = (logits_NV - lse).exp_()
    grad.scatter_add_(1, index, torch.full_like(index, -1, dtype=grad.dtype))
    return loss * weight, grad.mul_(weight)


def _soft(logits_NV: Tensor, soft: Soft, blend: Blend) -> tuple[Tensor, Tensor]:
    temperature = blend.temperature
    if temperature != 1.0:
        logits_NV.div_(temperature)
    lse = logits_NV.logsumexp(-1, keepdim=True)
    log_q_NK = logits_NV.gather(1, soft.words_NK) - lse
    q_NV = logits_NV.sub_(lse).exp_().scatter_(1, soft.words_NK, 0.0)
    # The rest is summed, not 1 − Σ: that difference has an error of 1e-7, by which q_v / q_r below would be wrong a thousandfold
    # wherever the student is sure of one word.
    log_q_rest_N1 = q_NV.sum(-1, keepdim=True).log().clamp_min(_FLOOR)
    with torch.enable_grad():
        log_q_NB = torch.cat([log_q_NK, log_q_rest_N1], dim=-1).detach().requires_grad_(True)
        loss = divergence(blend.objective, soft.with_rest(), log_q_NB, blend.mix).sum()
        (g_NB,) = torch.autograd.grad(loss, log_q_NB)
    g_NK, g_rest = g_NB[:, :-1], g_NB[:, -1:]
    total = g_NB.sum(-1, keepdim=True)
    q_NK = log_q_NK.exp()
    q_rest = log_q_NB[:, -1:].detach().exp()
    grad = q_NV.mul_(g_rest / q_rest - total)
    grad.scatter_(1, soft.words_NK, g_NK - q_NK * total)
    weight = blend.soft * temperature * temperature
    return loss.detach() * weight, grad.mul_(weight / temperature)
