"""Bytes of integers, and the exact round trip of a linear."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.passes.quantize.grid import Grid, dequantize, quantize, search
from infopt_compiler.passes.quantize.packing import pack, pack_linear, unpack, unpack_linear


@given(
    bits=st.sampled_from([4, 8]), rows=st.integers(1, 5), columns=st.integers(1, 9), seed=st.integers(0, 99)
)
def test_unpack_inverts_pack(bits: int, rows: int, columns: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 1 << bits, (rows, columns), generator=generator)
    packed = pack(values, bits)
    assert packed.shape == (rows, -(-columns * bits // 8))
    assert torch.equal(unpack(packed, bits, columns).long(), values)


def test_the_lower_index_lies_in_the_lower_bits() -> None:
    assert pack(torch.tensor([[1, 2, 3]]), 4).tolist() == [[0x21, 0x03]]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_linear_comes_back_exactly(bits: int, symmetric: bool) -> None:
    grid = Grid(bits, 16, symmetric)
    w = torch.randn(48, 6, generator=torch.Generator().manual_seed(0))
    scales = search(w, torch.ones(48), grid)
    q = quantize(w, scales, grid)
    tensors = pack_linear("x", q, scales, grid)
    assert ("x.qzeros" in tensors) is not symmetric
    assert tensors["x.qweight"].shape == (6, 48 * bits // 8)
    assert tensors["x.scales"].shape == (6, 3)
    assert torch.equal(unpack_linear("x", tensors, grid), dequantize(q, scales, grid).T)
