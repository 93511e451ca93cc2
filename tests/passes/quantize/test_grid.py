"""The lattice: bounds of rounding, and searched scales never worse than plain ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infopt_compiler.passes.quantize.grid import Grid, dequantize, grouped, minmax, quantize, search

GRIDS = [Grid(bits, group, symmetric) for bits in (4, 8) for group in (16, 32) for symmetric in (True, False)]


def matrix(seed: int, spread: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(64, 12, generator=generator)
    return w * torch.exp(spread * torch.randn(64, 1, generator=generator))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(0, 3), grid=st.sampled_from(GRIDS))
def test_rounding_is_within_half_a_step(seed: int, spread: float, grid: Grid) -> None:
    w = matrix(seed, spread)
    scales = minmax(w, grid)
    error = grouped((w - dequantize(quantize(w, scales, grid), scales, grid)).abs(), grid.group)
    assert bool((error <= scales.scale_GR.abs().unsqueeze(1) * 0.5001 + 1e-7).all())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(0, 2), grid=st.sampled_from(GRIDS))
def test_searched_scales_are_no_worse(seed: int, spread: float, grid: Grid) -> None:
    w = matrix(seed, spread)
    weight = torch.rand(64, generator=torch.Generator().manual_seed(seed)) + 0.1

    def loss(scales: object) -> torch.Tensor:
        error = w - dequantize(quantize(w, scales, grid), scales, grid)  # type: ignore[arg-type]
        return (error.square() * weight.unsqueeze(1)).sum()

    assert loss(search(w, weight, grid)) <= loss(minmax(w, grid)) * 1.0001


@pytest.mark.parametrize("grid", GRIDS)
def test_integers_are_whole_and_in_range(grid: Grid) -> None:
    w = matrix(3, 1.0)
    scales = search(w, torch.ones(64), grid)
    q = quantize(w, scales, grid)
    assert torch.equal(q, q.round())
    assert q.min() >= 0 and q.max() <= grid.top
    assert torch.equal(scales.zero_GR, scales.zero_GR.round())


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_group_of_zeros_stays_zero(symmetric: bool) -> None:
    w = torch.zeros(32, 4)
    grid = Grid(4, 16, symmetric)
    for scales in (minmax(w, grid), search(w, torch.ones(32), grid)):
        assert torch.equal(dequantize(quantize(w, scales, grid), scales, grid), w)


def test_a_symmetric_scale_is_negative_where_the_longer_tail_is_positive() -> None:
    w = torch.linspace(-0.5, 1.0, 16).unsqueeze(1)
    scales = minmax(w, Grid(4, 16, True))
    assert scales.scale_GR.item() == pytest.approx(-1 / 8)
    assert quantize(w, scales, Grid(4, 16, True))[-1].item() == 0
