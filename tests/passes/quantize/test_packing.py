"""Bytes of integers, and the exact round trip of a linear."""

from __future__ import annotations

import onnx
import onnxruntime
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


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
def test_onnxruntime_computes_with_these_very_numbers(bits: int, symmetric: bool) -> None:
    grid = Grid(bits, 32, symmetric)
    w = torch.randn(96, 24, generator=torch.Generator().manual_seed(1))
    scales = search(w, torch.ones(96), grid)
    assert not symmetric or float(scales.scale_GR.min()) < 0 < float(scales.scale_GR.max())
    q = quantize(w, scales, grid)
    tensors = pack_linear("x", q, scales, grid)
    x = torch.randn(5, 96, generator=torch.Generator().manual_seed(2))
    y = matmul_nbits(tensors, grid).run(None, {"x": x.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(y), x @ dequantize(q, scales, grid), rtol=1e-4, atol=1e-4)


def matmul_nbits(tensors: dict[str, torch.Tensor], grid: Grid) -> onnxruntime.InferenceSession:
    """A graph of one `MatMulNBits`, its initializers reshaped only."""
    rows, groups = tensors["x.scales"].shape
    shaped = {
        "weight": tensors["x.qweight"].reshape(rows, groups, -1),
        "scales": tensors["x.scales"].reshape(-1),
    }
    if not grid.symmetric:
        shaped["zeros"] = tensors["x.qzeros"].reshape(-1)
    attributes = {"K": groups * grid.group, "N": rows, "bits": grid.bits, "block_size": grid.group}
    node = onnx.helper.make_node("MatMulNBits", ["x", *shaped], ["y"], domain="com.microsoft", **attributes)
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
    initializers = [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in shaped.items()]
    graph = onnx.helper.make_graph([node], "linear", ends[:1], ends[1:], initializers)
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
