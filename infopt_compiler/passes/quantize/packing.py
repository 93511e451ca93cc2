"""Integers to bytes and back, in the layout that onnxruntime-genai's builder calls `olive`.

For a linear `X` of R outputs and K inputs: `X.qweight` uint8 (R, K·bits/8), `X.scales` float32 (R, G),
and, unless the grid is symmetric, `X.qzeros` uint8 (R, ceil(G·bits/8)). Within a byte the lower index
lies in the lower bits. A symmetric grid has no `qzeros`: `MatMulNBits` then assumes the middle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import Grid, Scales, dequantize


def pack(values_RN: Tensor, bits: int) -> Tensor:
    """Whole numbers below 2**bits to uint8 (R, ceil(N·bits/8)); a last byte is filled with zeros."""
    per_byte = 8 // bits
    values = values_RN.to(torch.uint8)
    short = -values.shape[1] % per_byte
    if short:
        values = torch.nn.functional.pad(values, (0, short))
    packed = values[:, ::per_byte].clone()
    for offset in range(1, per_byte):
        packed |= values[:, offset::per_byte] << (offset * bits)
    return packed


def unpack(packed_RB: Tensor, bits: int, columns: int) -> Tensor:
    """The inverse of `pack`: uint8 (R, columns)."""
    per_byte, mask = 8 // bits, (1 << bits) - 1
    parts = [(packed_RB >> (offset * bits)) & mask for offset in range(per_byte)]
    return torch.stack(parts, dim=2).flatten(1)[:, :columns].contiguous()


def pack_linear(name: str, q_KR: Tensor, scales: Scales, grid: Grid) -> dict[str, Tensor]:
    """The tensors of one quantized linear, by their names in the checkpoint."""
    tensors = {
        f"{name}.qweight": pack(q_KR.T, grid.bits),
        f"{name}.scales": scales.scale_GR.T.contiguous(),
    }
    if not grid.symmetric:
        tensors[f"{name}.qzeros"] = pack(scales.zero_GR.T, grid.bits)
    return tensors


def unpack_linear(name: str, tensors: dict[str, Tensor], grid: Grid) -> Tensor:
    """The float32 weights (R, K) that `pack_linear` stored: exactly ``(q - zero) * scale``."""
    scale_GR = tensors[f"{name}.scales"].T.contiguous()
    groups, _ = scale_GR.shape
    q_KR = unpack(tensors[f"{name}.qweight"], grid.bits, groups * grid.group).T.float()
    zero_GR = torch.full_like(scale_GR, grid.middle)
    if not grid.symmetric:
        zero_GR = unpack(tensors[f"{name}.qzeros"], grid.bits, groups).T.float()
    return dequantize(q_KR.contiguous(), Scales(scale_GR, zero_GR), grid).T.contiguous()
