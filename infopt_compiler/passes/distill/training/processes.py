"""One process or several (torchrun): gradients and sums are added up over all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """`rank` of `count`. With one process every method does nothing."""

    rank: int = 0
    count: int = 1

    @classmethod
    def joined(cls) -> Processes:
        """Join the group that torchrun's environment describes; alone where there is none."""
        if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        import torch
        import torch.distributed as dist

        if not dist.is_initialized():
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """The one that writes files and tells progress."""
        return self.rank == 0

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in buckets (as DDP does)."""
        if self.count == 1:
            return
        import torch
        import torch.distributed as dist

        bucket: list[Tensor] = []
        for tensor in [*tensors, None]:
            if tensor is not None:
                bucket.append(tensor)
            full = sum(part.numel() for part in bucket) >= _BUCKET
            if bucket and (tensor is None or full):
                flat = torch.cat([part.reshape(-1) for part in bucket])
                dist.all_reduce(flat)
                for part, summed in zip(bucket, flat.split([p.numel() for p in bucket]), strict=True):
                    part.copy_(summed.view_as(part))
                bucket = []

    def least(self, value: int) -> int:
        """The smallest of all processes' values."""
        if self.count == 1:
            return value
        import torch
        import torch.distributed as dist

        found = torch.tensor([value])
        dist.all_reduce(found, dist.ReduceOp.MIN)
        return int(found)

    def agreed(self, values: dict[str, float]) -> dict[str, float]:
        """The first process's values, so that no other decides otherwise by a rounding of its own."""
        if self.count == 1:
            return values
        import torch
        import torch.distributed as dist

        found = torch.tensor(list(values.values()), dtype=torch.float64)
        dist.broadcast(found, 0)
        return dict(zip(values, found.tolist(), strict=True))

    def leave(self) -> None:
        """End the group."""
        if self.count > 1:
            import torch.distributed as dist

            dist.destroy_process_group()

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            import torch.distributed as dist

            dist.barrier()


_BUCKET = 6_553_600  # numbers of one all-reduce: 25 MiB of float32, DDP's default
