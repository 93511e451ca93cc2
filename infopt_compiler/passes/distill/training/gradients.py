"""A step's gradients over all processes, and their norm."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

import torch

from .processes import Processes

if TYPE_CHECKING:
    from torch import nn


def add_up_and_clip(
    parameters: Mapping[str, nn.Parameter], sharded: Set[str], limit: float, processes: Processes
) -> float:
    """Sum the gradients of what every process has whole, scale all so that their norm is at most `limit`; the norm before.

    `sharded` names those of which each process has a share; their gradients are sums already.
    """
    given = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    processes.add_up(gradient for name, gradient in given.items() if name not in sharded)
    if not sharded:
        return float(torch.nn.utils.clip_grad_norm_(parameters.values(), limit))
    shares = torch.zeros(1, dtype=torch.float64)
    whole = torch.zeros(1, dtype=torch.float64)
    for name, gradient in given.items():
        (shares if name in sharded else whole).add_(gradient.double().square().sum().cpu())
    processes.add_up([shares])
    norm = (shares + whole).sqrt().float().squeeze()
    torch.nn.utils.clip_grads_with_norm_(parameters.values(), limit, norm)
    return float(norm)
