"""The fused head: values and gradients are those of autograd over all logits."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from infopt_compiler.passes.distill import head
from infopt_compiler.passes.distill.head import Blend, Soft, chunk_loss, head_loss
from infopt_compiler.passes.distill.objective import Objective, divergence

N, D, V = 7, 8, 50


@pytest.fixture
def parts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    h = torch.randn(N, D, requires_grad=True)
    weight = torch.randn(V, D, requires_grad=True)
    return h, weight, torch.randint(0, V, (N,)), log_softmax(3 * torch.randn(N, V), -1)


def view(log_p: torch.Tensor, k: int) -> Soft:
    values, words = log_p.topk(k, dim=-1)
    return Soft(words, values)


def test_hard_is_cross_entropy(parts: tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "CHUNK_TOKENS", 3)
    h, weight, targets, _ = parts
    loss = head_loss(h, weight, targets, None, Blend(Objective.hard))
    want = cross_entropy(h @ weight.T, targets, reduction="sum")
    assert loss.item() == pytest.approx(want.item(), rel=1e-6)
    for got, expected in zip(
        torch.autograd.grad(loss, (h, weight)), torch.autograd.grad(want, (h, weight)), strict=True
    ):
        assert torch.allclose(got, expected, atol=1e-5)


def test_kl_over_all_words_is_torch_s(parts: tuple[torch.Tensor, ...]) -> None:
    h, weight, targets, log_p = parts
    loss = head_loss(h, weight, targets, view(log_p, V - 1), Blend(Objective.kl))
    want = kl_div(log_softmax(h @ weight.T, -1), log_p, reduction="sum", log_target=True)
    assert loss.item() == pytest.approx(want.item(), rel=1e-5)
    (got,), (expected,) = torch.autograd.grad(loss, h), torch.autograd.grad(want, h)
    assert torch.allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("objective", [Objective.kl, Objective.reverse, Objective.js])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_gradient_of_the_merged_divergence(
    parts: tuple[torch.Tensor, ...], objective: Objective, temperature: float
) -> None:
    """Against autograd through a softmax over all words, the rest merged afterwards; with a share of the hard loss."""
    h, weight, targets, log_p = parts
    soft = view(log_p, 5)
    blend = Blend(objective, temperature, hard=0.3, mix=0.4)
    loss = head_loss(h, weight, targets, soft, blend)

    logits = h @ weight.T
    q = log_softmax(logits / temperature, -1).exp()
    q_k = q.gather(1, soft.words_NK)
    log_q = torch.cat([q_k, 1 - q_k.sum(-1, keepdim=True)], -1).log()
    apart = divergence(objective, soft.with_rest(), log_q, 0.4).sum()
    want = 0.7 * temperature**2 * apart + 0.3 * cross_entropy(logits, targets, reduction="sum")
    assert loss.item() == pytest.approx(want.item(), rel=1e-4)
    for got, expected in zip(
        torch.autograd.grad(loss, (h, weight)), torch.autograd.grad(want, (h, weight)), strict=True
    ):
        assert torch.allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("objective", [Objective.kl, Objective.reverse, Objective.js])
def test_nothing_to_learn_where_both_agree(objective: Objective) -> None:
    torch.manual_seed(0)
    h, weight = torch.randn(N, D, requires_grad=True), torch.randn(V, D)
    soft = view(log_softmax(h @ weight.T, -1).detach(), 5)
    loss = head_loss(h, weight, torch.zeros(N, dtype=torch.long), soft, Blend(objective))
    (gradient,) = torch.autograd.grad(loss, h)
    assert abs(loss.item()) < 1e-4
    assert gradient.abs().max() < 1e-4


@pytest.mark.parametrize("objective", [Objective.kl, Objective.reverse, Objective.js])
def test_a_student_that_is_sure_of_one_word(objective: Objective) -> None:
    """All its other words together have less than float32's share of 1; against autograd in float64."""
    torch.manual_seed(0)
    logits = 0.3 * torch.randn(1, V)
    logits[0, 3] = 24.0
    log_p = 2 * torch.randn(1, V)
    log_p[0, 3] = 3.0
    soft = view(log_softmax(log_p, -1), 8)
    loss, gradient = chunk_loss(logits.clone(), torch.zeros(1, dtype=torch.long), soft, Blend(objective))
    exact = logits.double().requires_grad_()
    log_q = log_softmax(exact, -1)
    rest = torch.ones(V, dtype=torch.bool)
    rest[soft.words_NK[0]] = False
    merged = torch.cat([log_q.gather(1, soft.words_NK), log_q[:, rest].logsumexp(-1, keepdim=True)], -1)
    want = divergence(objective, soft.with_rest().double(), merged, 0.5).sum()
    (expected,) = torch.autograd.grad(want, exact)
    assert loss.item() == pytest.approx(want.item(), rel=1e-4)
    assert torch.allclose(gradient.double(), expected, atol=1e-5)
