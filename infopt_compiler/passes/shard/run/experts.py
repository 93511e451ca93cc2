"""A mixture of experts on a rank: the router is whole on every rank, which computes the experts that it holds."""

from __future__ import annotations

import re

import torch
from torch import Tensor
from torch.nn import functional

from .architecture import Architecture
from .groups import Groups
from .matrices import Matrix, activate
from .weights import RankWeights

_ROUTERS = ("mlp.gate", "block_sparse_moe.gate")
_NAMES = (("gate_proj", "up_proj", "down_proj"), ("w1", "w3", "w2"))


def router_name(prefix: str, weights: RankWeights) -> str | None:
    """The module of a layer's router; None where the layer has no experts."""
    return next((f"{prefix}{name}" for name in _ROUTERS if weights.has(f"{prefix}{name}.weight")), None)


class Experts:
    """Each token's experts are summed with the router's weights; the sum over the tensor group brings other ranks' experts."""

    def __init__(self, router: str, weights: RankWeights, architecture: Architecture, groups: Groups) -> None:
        self._router = weights.matrix(router)
        self._experts = dict(_held(router.removesuffix("gate") + "experts.", weights))
        self._count, self._normed = architecture.experts_per_token, architecture.normed_experts
        self._activation, self._groups = architecture.activation, groups

    def __call__(self, x_BTE: Tensor) -> Tensor:
        x_NE = x_BTE.flatten(0, 1)
        share, chosen = functional.softmax(self._router(x_NE).float(), dim=-1).topk(self._count, dim=-1)
        if self._normed:
            share = share / share.sum(-1, keepdim=True)
        out = torch.zeros_like(x_NE)
        for index, (gate, up, down) in self._experts.items():
            token, place = torch.where(chosen == index)
            if not len(token):
                continue
            x = x_NE[token]
            x = down(activate(gate(x), self._activation) * up(x))
            out.index_add_(0, token, x * share[token, place, None].to(x.dtype))
        return self._groups.sum_tensor(out).view_as(x_BTE)


def _held(prefix: str, weights: RankWeights) -> list[tuple[int, tuple[Matrix, Matrix, Matrix]]]:
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.(\w+)\.q?weight")
    found = {(int(match[1]), match[2]) for name in weights.names() if (match := pattern.fullmatch(name))}
    names = next(names for names in _NAMES if not found or any(name in names for _, name in found))
    experts = sorted({index for index, _ in found})
    return [(k, tuple(weights.matrix(f"{prefix}{k}.{name}") for name in names)) for k in experts]  # type: ignore[misc]
