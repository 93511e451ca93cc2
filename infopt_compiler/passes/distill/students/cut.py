"""A layer's tensors with some heads and channels only, by their names inside the layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.students.width import Kept

_PER_LAYER = ("layer_types", "no_rope_layers")  # keys of config.json that hold an entry for each layer


def cut_layer(state: dict[str, Tensor], kept: Kept, teacher: ModelSpec) -> dict[str, Tensor]:
    """The rows of what feeds heads and channels, the columns of what they feed; the rest as it is."""
    heads = _channels(kept.heads, teacher.head_dim)
    groups = _channels(kept.groups, teacher.head_dim)
    rows, columns = _places(not teacher.family.generates)
    chosen = {"heads": heads, "groups": groups, "channels": kept.channels}
    out = dict(state)
    for module, what in rows.items():
        for name in (f"{module}.weight", f"{module}.bias"):
            if name in out:
                out[name] = out[name][chosen[what]].clone()
    for module, what in columns.items():
        out[f"{module}.weight"] = out[f"{module}.weight"][:, chosen[what]].clone()
    return out


def cut_config(config: dict[str, Any], layers: tuple[int, ...], student: ModelSpec) -> dict[str, Any]:
    """config.json of the student; what it says of each layer follows the layers that stay."""
    out = dict(config)
    for key in _PER_LAYER:
        if isinstance(out.get(key), list):
            out[key] = [out[key][layer] for layer in layers]
    out |= {"num_hidden_layers": student.layers, "intermediate_size": student.intermediate}
    if student.family.generates:
        out |= {"num_attention_heads": student.heads, "num_key_value_heads": student.kv_heads}
        out["head_dim"] = student.head_dim  # no longer hidden / heads
    return out


def _channels(parts: Tensor, size: int) -> Tensor:
    return (parts[:, None] * size + torch.arange(size)).flatten()


def _places(encoder: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Modules whose outputs, and whose inputs, are heads, groups or channels."""
    if encoder:
        attention = {f"attention.self.{part}": "heads" for part in ("query", "key", "value")}
        rows = {**attention, "intermediate.dense": "channels"}
        return rows, {"attention.output.dense": "heads", "output.dense": "channels"}
    rows = {"self_attn.q_proj": "heads", "self_attn.k_proj": "groups", "self_attn.v_proj": "groups"}
    rows |= {"mlp.gate_proj": "channels", "mlp.up_proj": "channels"}
    return rows, {"self_attn.o_proj": "heads", "mlp.down_proj": "channels"}
