"""GPTQ, its refinement and the moments: less error in the Hessian's norm, and the correction's aim."""

from __future__ import annotations

import pytest
import torch

from infopt_compiler.passes.quantize import refine
from infopt_compiler.passes.quantize.errors import NonFinite
from infopt_compiler.passes.quantize.gptq import gptq, visiting_order
from infopt_compiler.passes.quantize.grid import Grid, minmax, quantize
from infopt_compiler.passes.quantize.hessian import Hessian, inverse_factor, mean, revive_dead
from infopt_compiler.passes.quantize.moments import Moments
from infopt_compiler.passes.quantize.solve import solve_gptq, solve_nearest

WIDTH, ROWS = 96, 40


def activations(seed: int, tokens: int = 600) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(tokens, 12, generator=generator) @ torch.randn(12, WIDTH, generator=generator)
    loud = torch.exp(torch.randn(WIDTH, generator=generator))
    return (mixed + torch.randn(tokens, WIDTH, generator=generator)) * loud


def weights(seed: int) -> torch.Tensor:
    return torch.randn(WIDTH, ROWS, generator=torch.Generator().manual_seed(seed))


def hessian(seed: int) -> torch.Tensor:
    sums = Hessian(WIDTH)
    sums.add(activations(seed))
    return mean(sums)


def test_the_blocked_sum_is_the_symmetric_product() -> None:
    x = activations(0)
    torch.testing.assert_close(hessian(0), x.T @ x / len(x), rtol=1e-4, atol=1e-3)


def test_the_factor_is_that_of_the_inverse() -> None:
    h = hessian(1)
    factor = inverse_factor(h, 0.01)
    damped = h + 0.01 * h.diagonal().mean() * torch.eye(WIDTH)
    assert torch.equal(factor, factor.triu())
    torch.testing.assert_close(factor.T @ factor @ damped, torch.eye(WIDTH), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("act_order", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_each_step_lowers_the_error(seed: int, symmetric: bool, act_order: bool) -> None:
    w, h, grid = weights(seed), hessian(seed), Grid(4, 32, symmetric)
    scales, order = minmax(w, grid), visiting_order(h, act_order)
    nearest = refine.loss(w, h, quantize(w, scales, grid), scales, grid)
    solved = gptq(w, inverse_factor(h[order][:, order], 0.01), scales, grid, order)
    descended = refine.descend(w, h, solved, scales, grid, order)
    refitted = refine.refit(w, h, descended, scales, grid)
    losses = [
        refine.loss(w, h, solved, scales, grid),
        refine.loss(w, h, descended, scales, grid),
        refine.loss(w, h, descended, refitted, grid),
    ]
    assert losses[0] < nearest
    assert losses[1] <= losses[0] * 1.0001
    assert losses[2] <= losses[1] * 1.0001


def test_with_an_identity_hessian_gptq_rounds_to_nearest() -> None:
    w, grid = weights(5), Grid(4, 16, False)
    scales = minmax(w, grid)
    q = gptq(w, torch.eye(WIDTH), scales, grid, torch.arange(WIDTH))
    assert torch.equal(q, quantize(w, scales, grid))


def test_dead_inputs_are_survived() -> None:
    h = hessian(6)
    h[3], h[:, 3] = 0, 0
    solved = solve_gptq(weights(6), h, Grid(4, 32, True))
    assert torch.isfinite(solved.values()).all()
    assert float(revive_dead(torch.zeros(4, 4)).diagonal().min()) > 0


def test_bad_numbers_are_typed_errors() -> None:
    grid = Grid(4, 32, True)
    with pytest.raises(NonFinite):
        solve_nearest(torch.full((32, 2), torch.nan), grid, True)
    sums = Hessian(4)
    sums.add(torch.full((3, 4), torch.inf))
    with pytest.raises(NonFinite):
        mean(sums)


def test_eight_bits_are_close_to_lossless() -> None:
    grid = Grid(8, 32, True)
    assert solve_gptq(weights(7), hessian(7), grid).relative_error < 1e-4


def test_the_target_gives_the_reference_outputs() -> None:
    x, w = activations(8), weights(8)
    drift = 0.2 * torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(9))
    seen = x + x @ drift
    inputs, gap, alone = Moments(WIDTH), Moments(WIDTH), Moments(WIDTH)
    inputs.add_inputs(seen, x)
    residual = 0.1 * x[:, :ROWS]
    gap.add_gap(seen, x @ w + residual - seen @ w)
    alone.add(x)
    for moments, wanted in ((inputs, x @ w), (gap, x @ w + residual)):
        before, after = (seen @ w - wanted).norm(), (seen @ moments.target(w) - wanted).norm()
        assert after < 0.3 * before
    assert torch.equal(alone.target(w), w)
