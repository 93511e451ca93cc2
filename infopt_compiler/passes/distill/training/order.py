"""Which items a step takes: a function of the seed alone, so that a restart and any number of processes agree."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4)
def epoch_order(items: int, epoch: int, seed: int) -> list[int]:
    """A permutation of 0 … items − 1."""
    import torch

    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order: list[int] = torch.randperm(items, generator=generator).tolist()
    return order


def step_items(items: int, batch: int, step: int, seed: int) -> list[int]:
    """The `batch` items of a step: the permutations of all epochs one behind the other, cut into batches."""
    first = step * batch
    return [epoch_order(items, at // items, seed)[at % items] for at in range(first, first + batch)]


def share_of(items: list[int], rank: int, processes: int) -> list[int]:
    """The part of a step's items that one of several processes takes: every n-th."""
    return items[rank::processes]
