"""HQQ: outliers pull neither scales nor zero points; rows are independent, and how large weights are does not matter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.quantize import Quantize
from infopt_compiler.passes.quantize.grid import CHUNK_ELEMENTS, Grid, dequantize, minmax, quantize
from infopt_compiler.passes.quantize.methods import hqq
from infopt_compiler.passes.quantize.methods.hqq import NORM, Hqq

GRIDS = [Grid(4, 32, True), Grid(4, 32, False), Grid(8, 32, False)]


def weights(columns: int, rows: int) -> Tensor:
    """With a few far out, as trained weights have."""
    generator = torch.Generator().manual_seed(columns)
    w_KR = torch.randn(columns, rows, generator=generator)
    far = torch.rand(columns, rows, generator=generator) < 0.02
    return torch.where(far, w_KR * 3, w_KR)


def cost(w_KR: Tensor, values_KR: Tensor) -> float:
    return float((w_KR - values_KR).abs().pow(NORM).sum())


@pytest.mark.parametrize("grid", GRIDS)
def test_it_costs_less_than_scales_that_reach_the_extremes(grid: Grid) -> None:
    w_KR = weights(128, 64)
    plain = minmax(w_KR, grid)
    found = Hqq().solve(w_KR, grid, None).values().T
    assert cost(w_KR, found) < 0.99 * cost(w_KR, dequantize(quantize(w_KR, plain, grid), plain, grid))


@pytest.mark.parametrize("grid", GRIDS)
def test_the_variable_for_outliers_is_what_lowers_the_cost(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it (β so small that nothing is an outlier) the same steps are least squares."""
    w_KR = weights(256, 128)
    split = cost(w_KR, Hqq().solve(w_KR, grid, None).values().T)
    monkeypatch.setattr(hqq, "BETA", 1e-9)
    assert split < cost(w_KR, Hqq().solve(w_KR, grid, None).values().T)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_power_of_two_changes_the_scales_alone(grid: Grid) -> None:
    one, other = (Hqq().solve(weights(64, 16) * factor, grid, None) for factor in (1.0, 2.0**-10))
    assert torch.equal(one.q_KR, other.q_KR) and torch.equal(one.scales.zero_GR, other.scales.zero_GR)
    torch.testing.assert_close(one.scales.scale_GR, other.scales.scale_GR * 2.0**10)


@pytest.mark.parametrize("grid", GRIDS)
def test_rows_are_independent(grid: Grid) -> None:
    """Also where they are worked on in several pieces."""
    width = 512
    w_KR = weights(width, CHUNK_ELEMENTS // width + 40)
    whole, last = Hqq().solve(w_KR, grid, None), Hqq().solve(w_KR[:, -40:], grid, None)
    assert torch.equal(whole.q_KR[:, -40:], last.q_KR)


def test_zeros_stay_zeros() -> None:
    w_KR = weights(64, 4)
    w_KR[:32] = 0
    for grid in GRIDS:
        assert bool((Hqq().solve(w_KR, grid, None).values().T[:32] == 0).all())


def test_it_asks_for_no_text_and_for_the_time_that_its_steps_take() -> None:
    model = ModelSpec.from_config(
        {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 30, "hidden_size": 576,
            "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152,
            "tie_word_embeddings": True,
        }
    )  # fmt: skip
    assert not list(Quantize(method="hqq").check_inputs({"model": 1}))
    seconds = {
        symmetric: Hqq().cost(model, Quantize(symmetric=symmetric).transform(model), None).seconds
        for symmetric in (True, False)
    }
    assert 0 < seconds[True] < seconds[False]
