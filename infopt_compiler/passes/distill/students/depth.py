"""Which layers stay: those without which the outcome changes most, measured, not every second one.

One layer after the other is removed, each time the one whose absence moves the outcome least given what is gone
already (greedy backward elimination, as in SLEB, arXiv 2402.09025). Where there are few subsets all of them are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import torch
from torch import Tensor

from infopt_compiler.passes.distill.amounts import ALL_SUBSETS, SHORTLIST
from infopt_compiler.passes.distill.device import multiplies_bfloat16
from infopt_compiler.passes.distill.students.blocks import Blocks

Progress = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Depth:
    """`kept` layers in order; `removed` ones in the order of going with the divergence after each;
    `alone`: divergence of the teacher without one layer only."""

    kept: tuple[int, ...]
    removed: tuple[tuple[int, float], ...]
    alone: tuple[float, ...]
    tried: int

    def facts(self) -> dict[str, Any]:
        return {
            "kept_layers": list(self.kept),
            "removed_layers": [layer for layer, _ in self.removed],
            "divergence_by_removal": [round(value, 4) for _, value in self.removed],
            "layer_importance": [round(value, 4) for value in self.alone],
            "subsets_tried": self.tried,
        }


def choose_layers(blocks: Blocks, count: int, progress: Progress) -> Depth:
    """The `count` layers that stay. Layers run in bfloat16 where that is faster; outcomes are compared in float32."""
    with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16("cpu")):
        search = _Search(blocks)
        if comb(blocks.layers, count) <= ALL_SUBSETS:
            return search.all_subsets(count, progress)
        return search.greedy(count, progress)


class _Search:
    """Keeps what each layer of the current student sees, so that a trial runs the layers behind the gap only."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.kept = list(range(blocks.layers))
        self.inputs: list[Tensor] = [blocks.embedded()]
        for index in self.kept:
            self.inputs.append(blocks.block(index, self.inputs[-1]))
        self.reference = blocks.outcome(self.inputs[-1])
        self.tried = 0

    def without(self, place: int) -> float:
        """Divergence of the current student without its layer at `place`."""
        h = self.inputs[place]
        for index in self.kept[place + 1 :]:
            h = self.blocks.block(index, h)
        self.tried += 1
        return self.blocks.divergence(self.reference, self.blocks.outcome(h))

    def remove(self, place: int) -> None:
        self.kept.pop(place)
        del self.inputs[place + 1 :]
        for index in self.kept[place:]:
            self.inputs.append(self.blocks.block(index, self.inputs[-1]))

    def greedy(self, count: int, progress: Progress) -> Depth:
        rounds = self.blocks.layers - count
        latest: dict[int, float] = {}
        removed: list[tuple[int, float]] = []
        alone: tuple[float, ...] = ()
        for done in range(rounds):
            progress(done, rounds, f"layer {done + 1} of {rounds} to remove")
            chosen = sorted(latest, key=lambda layer: latest[layer])[:SHORTLIST] or list(self.kept)
            latest |= {layer: self.without(self.kept.index(layer)) for layer in chosen}
            alone = alone or tuple(latest[layer] for layer in range(self.blocks.layers))
            least = min(chosen, key=lambda layer: latest[layer])
            self.remove(self.kept.index(least))
            removed.append((least, latest.pop(least)))
        return Depth(tuple(self.kept), tuple(removed), alone, self.tried)

    def all_subsets(self, count: int, progress: Progress) -> Depth:
        alone = tuple(self.without(place) for place in range(self.blocks.layers))
        subsets = list(combinations(range(self.blocks.layers), count))
        found: dict[tuple[int, ...], float] = {}
        for done, subset in enumerate(subsets):
            progress(done, len(subsets), f"{len(subsets)} choices of layers")
            found[subset] = self._divergence(subset)
        kept = min(subsets, key=lambda subset: found[subset])
        gone = [layer for layer in range(self.blocks.layers) if layer not in kept]
        return Depth(kept, tuple((layer, found[kept]) for layer in gone), alone, self.tried)

    def _divergence(self, subset: tuple[int, ...]) -> float:
        h = self.inputs[0]
        for index in subset:
            h = self.blocks.block(index, h)
        self.tried += 1
        return self.blocks.divergence(self.reference, self.blocks.outcome(h))
