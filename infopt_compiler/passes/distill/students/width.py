"""Which key/value groups, heads and MLP channels of a layer stay: those that carry most of what the layer adds.

As Minitron (arXiv 2407.14679, section 3) they are ranked by their activations on calibration text, forward passes only.
What a channel adds to the residual is its activation times its column of the output linear, so the rank is
rms(activation) · ‖column‖; a head's is the root of its channels' squares, a group's that of its heads'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.students.blocks import Blocks
from infopt_compiler.passes.distill.students.plan import StudentShape


@dataclass(frozen=True)
class Kept:
    """Of one layer, by the teacher's numbers and ascending: heads, their key/value groups, MLP channels.
    `mlp_share`: part of the channels' summed squared importance that stays."""

    heads: Tensor
    groups: Tensor
    channels: Tensor
    mlp_share: float

    def facts(self) -> dict[str, Any]:
        kept = {"heads": self.heads.tolist(), "kv_groups": self.groups.tolist()}
        return {**kept, "channels": len(self.channels), "channel_importance_kept": round(self.mlp_share, 4)}


class Activity:
    """Sums the squares of what the two output linears of every layer see, while the teacher runs."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self._weights = blocks.token_weights().flatten()
        self.squares: dict[tuple[int, str], Tensor] = {}
        self._hooks = [
            layer.get_submodule(name).register_forward_pre_hook(self._hook(index, name))
            for index, layer in enumerate(blocks.modules)
            for name in (blocks.attention_out, blocks.mlp_out)
        ]

    def _hook(self, index: int, name: str) -> Any:
        def add(module: Any, inputs: tuple[Tensor, ...]) -> None:
            x_NK = inputs[0].reshape(-1, inputs[0].shape[-1])
            self.squares[index, name] = self._weights @ x_NK.square() / self._weights.sum()

        return add

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def importance(self, index: int, name: str) -> Tensor:
        """Squared, for each input channel of the linear: mean square of the activation times that of the column."""
        weight_DK: Tensor = self.blocks.modules[index].get_submodule(name).weight
        return self.squares[index, name] * weight_DK.square().sum(0)


def measure_activity(blocks: Blocks) -> Activity:
    """Run the whole teacher once."""
    activity = Activity(blocks)
    h = blocks.embedded()
    for index in range(blocks.layers):
        h = blocks.block(index, h)
    activity.close()
    return activity


def choose_width(activity: Activity, index: int, teacher: ModelSpec, shape: StudentShape) -> Kept:
    """What stays of layer `index` of the teacher."""
    per_channel = activity.importance(index, activity.blocks.attention_out)
    per_head = per_channel.view(teacher.heads, -1).sum(1)
    size = teacher.heads // teacher.kv_heads  # heads that share a group's keys and values
    keep = shape.heads // shape.kv_heads
    grouped = per_head.view(teacher.kv_heads, size).sort(dim=1, descending=True)
    groups = _largest(grouped.values[:, :keep].sum(1), shape.kv_heads)
    heads = torch.cat([group * size + grouped.indices[group, :keep].sort().values for group in groups])
    mlp = activity.importance(index, activity.blocks.mlp_out)
    channels = _largest(mlp, shape.intermediate)
    return Kept(heads, groups, channels, float(mlp[channels].sum() / mlp.sum().clamp(min=1e-30)))


def _largest(values: Tensor, count: int) -> Tensor:
    return values.topk(count).indices.sort().values
