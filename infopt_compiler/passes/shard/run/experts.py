"""A mixture of experts on a rank: the router is whole on every rank, which computes the experts that it holds."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from infopt_compiler.architectures import Role
from infopt_compiler.architectures.parts import EXPERT

from .architecture import Architecture
from .groups import Groups
from .matrices import Matrix, activate
from .weights import RankWeights


def router_name(prefix: str, weights: RankWeights, architecture: Architecture) -> str | None:
    """The module of a layer's router; None where the layer has no experts."""
    router = architecture.family.block.router
    return f"{prefix}{router.module}" if router and weights.has(f"{prefix}{router.module}.weight") else None


class Experts:
    """Each token's experts are summed with the router's weights; the sum over the tensor group brings other ranks' experts."""

    def __init__(
        self, index: int, router: str, weights: RankWeights, architecture: Architecture, groups: Groups
    ) -> None:
        numbers = architecture.numbers
        self._router = weights.matrix(router)
        self._experts = _held(architecture.names.layer(index), weights, architecture)
        self._count, self._normed = numbers.experts_per_token, numbers.normed_experts
        self._activation, self._groups = numbers.activation, groups

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


def _held(
    prefix: str, weights: RankWeights, architecture: Architecture
) -> dict[int, tuple[Matrix, Matrix, Matrix]]:
    """Gate, up and down of the experts that this rank has."""
    named = {linear.roles[0]: prefix + linear.module for linear in architecture.family.block.experts}
    found = {}
    for k in range(architecture.experts):
        gate, up, down = (named[role].replace(EXPERT, str(k)) for role in (Role.gate, Role.up, Role.down))
        if weights.has(f"{gate}.weight") or weights.has(f"{gate}.qweight"):
            found[k] = weights.matrix(gate), weights.matrix(up), weights.matrix(down)
    return found
