"""A layer's tensors with some heads and channels only, by their names inside the layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from infopt_compiler.architectures import Role
from infopt_compiler.architectures.keys import config_keys
from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.students.width import Kept


def cut_layer(state: dict[str, Tensor], kept: Kept, teacher: ModelSpec) -> dict[str, Tensor]:
    """The rows of what feeds heads and channels, the columns of what they feed; the rest as it is."""
    heads = _channels(kept.heads, teacher.head_dim)
    groups = _channels(kept.groups, teacher.head_dim)
    rows = {
        Role.query: heads,
        Role.key: groups,
        Role.value: groups,
        Role.gate: kept.channels,
        Role.up: kept.channels,
    }
    columns = {Role.attention_out: heads, Role.down: kept.channels}
    out = dict(state)
    for linear in teacher.family.block.linears():
        (role,) = linear.roles  # a family with fused linears cannot be distilled
        for name in (f"{linear.module}.weight", f"{linear.module}.bias"):
            if role in rows and name in out:
                out[name] = out[name][rows[role]].clone()
        if role in columns:
            out[f"{linear.module}.weight"] = out[f"{linear.module}.weight"][:, columns[role]].clone()
    return out


def cut_config(config: dict[str, Any], layers: tuple[int, ...], student: ModelSpec) -> dict[str, Any]:
    """config.json of the student; what it says of each layer follows the layers that stay."""
    out, keys = dict(config), config_keys(student.family.keys, student.model_type)
    for key in keys.each_layer:
        if isinstance(out.get(key), list):
            out[key] = [out[key][layer] for layer in layers]
    out |= {keys.layers: student.layers, keys.intermediate: student.intermediate}
    if student.family.generates:
        out |= {keys.heads: student.heads, keys.kv_heads: student.kv_heads}
        out[keys.head_dim] = student.head_dim  # no longer hidden / heads
    return out


def _channels(parts: Tensor, size: int) -> Tensor:
    return (parts[:, None] * size + torch.arange(size)).flatten()
