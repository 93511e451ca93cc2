"""The ranks' connections: collectives inside a tensor or sequence group, hidden states from stage to stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from infopt_compiler.artifacts.mesh import Mesh


class Groups:
    """The place of this rank in the mesh, and what it does together with others. All are no-ops on an axis of one."""

    def __init__(self, mesh: Mesh, rank: int, device: torch.device, timeout: timedelta) -> None:
        self.mesh, self.rank, self.device = mesh, rank, device
        self.at = mesh.coordinate(rank)
        self._tensor = _own_group(mesh, rank, "tensor", timeout)
        self._sequence = _own_group(mesh, rank, "sequence", timeout)
        # Tokens go back on connections of their own. NCCL does what two ranks send each other in one order: a stage that sends
        # its second microbatch before it takes the first one's tokens would wait for one that sends them first, for ever.
        self._back = _own_group(mesh, rank, "pipeline", timeout)
        self._sent: list[Any] = []

    @property
    def first(self) -> bool:
        """This rank's stage holds the embedding."""
        return self.at.pipeline == 0

    @property
    def last(self) -> bool:
        """This rank's stage holds the head."""
        return self.at.pipeline == self.mesh.pipeline - 1

    def sum_tensor(self, x: Tensor) -> Tensor:
        """The sum over the tensor group, in place."""
        if self.mesh.tensor > 1:
            x = x.contiguous()
            dist.all_reduce(x, group=self._tensor)
        return x

    def gather_tensor(self, x: Tensor) -> list[Tensor]:
        """What each of the tensor group has, in order; the shapes are equal."""
        return _gather(x, self._tensor, self.mesh.tensor)

    def gather_sequence(self, x: Tensor) -> list[Tensor]:
        """What each of the sequence group has, in order; the shapes are equal."""
        return _gather(x, self._sequence, self.mesh.sequence)

    def from_last_chunk(self, x: Tensor) -> Tensor:
        """The tensor of the sequence group's last rank, on all of them."""
        if self.mesh.sequence > 1:
            x = x.contiguous()
            dist.broadcast(
                x, self.mesh.rank(replace(self.at, sequence=self.mesh.sequence - 1)), group=self._sequence
            )
        return x

    def send_on(self, x: Tensor) -> None:
        """To the same place of the next stage."""
        self._send(x, self.mesh.rank(replace(self.at, pipeline=self.at.pipeline + 1)))

    def receive_hidden(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """From the same place of the stage before."""
        return self._receive(shape, dtype, self.mesh.rank(replace(self.at, pipeline=self.at.pipeline - 1)))

    def send_tokens(self, tokens_B: Tensor) -> None:
        """Chosen tokens, from the last stage to all before it, so that every rank knows when to stop."""
        for stage in range(self.mesh.pipeline - 1):
            self._send(tokens_B, self.mesh.rank(replace(self.at, pipeline=stage)), self._back)

    def receive_tokens(self, count: int) -> Tensor:
        last = self.mesh.rank(replace(self.at, pipeline=self.mesh.pipeline - 1))
        return self._receive((count,), torch.int64, last, self._back)

    def finish_sends(self) -> None:
        for work, _ in self._sent:
            work.wait()
        self._sent.clear()

    def _send(self, x: Tensor, to: int, group: Any = None) -> None:
        """Does not wait, or two stages could wait for each other; the tensor is kept until it is gone."""
        x = x.contiguous()
        self._sent = [(work, kept) for work, kept in self._sent if not work.is_completed()]
        self._sent.append((dist.isend(x, to, group=group), x))

    def _receive(self, shape: tuple[int, ...], dtype: torch.dtype, source: int, group: Any = None) -> Tensor:
        out = torch.empty(shape, dtype=dtype, device=self.device)
        dist.recv(out, source, group=group)
        return out


def _own_group(mesh: Mesh, rank: int, axis: str, timeout: timedelta) -> Any:
    """Every rank makes all groups of an axis, in one order, as torch.distributed demands; gives the one it is in."""
    own = None
    if getattr(mesh, axis) == 1:
        return own
    for ranks in sorted({mesh.group(one, axis) for one in range(mesh.world)}):
        group = dist.new_group(list(ranks), timeout=timeout)
        if rank in ranks:
            own = group
    return own


def _gather(x: Tensor, group: Any, size: int) -> list[Tensor]:
    if size == 1:
        return [x]
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(size)]
    dist.all_gather(parts, x, group=group)
    return parts


def alone(device: torch.device) -> Groups:
    """The groups of a mesh of one rank, where nothing is sent."""
    return Groups(Mesh(), 0, device, timedelta(seconds=60))
