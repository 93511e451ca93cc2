"""A rank that has joined the others: its stage in memory, its requests, and the memory that they took."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from .architecture import Architecture
from .decoder import Stage
from .generate import Generation, Request, Told
from .groups import Groups
from .index import ShardIndex
from .weights import RankWeights


def resident_bytes() -> tuple[int, int]:
    """(highest, present) resident set of this process."""
    status = Path("/proc/self/status").read_text("ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    high, now = (int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))
    return high, now


class Session:
    """`leads`: this rank tells the tokens of its replica."""

    def __init__(
        self, folder: Path, index: ShardIndex, rank: int, device: torch.device, timeout: timedelta
    ) -> None:
        self._groups = Groups(index.mesh, rank, device, timeout)
        self._baseline = resident_bytes()[1]
        config = json.loads((folder / "config.json").read_text("utf-8"))
        self._hidden, self._device, self._index, self._rank = config["hidden_size"], device, index, rank
        self._dtype = torch.float32
        if device.type == "cuda" and config.get("dtype") == "bfloat16":
            self._dtype = torch.bfloat16
        weights = RankWeights(folder, index, rank, device, self._dtype)
        self._weight_bytes = weights.bytes
        first, last = index.stages[self._groups.at.pipeline]
        self._stage = Stage(
            weights, Architecture.from_folder(folder), range(first, last), self._groups, device
        )
        self._loaded = resident_bytes()[1]

    @property
    def leads(self) -> bool:
        at = self._groups.at
        return at.pipeline == at.sequence == at.tensor == 0

    def run(self, request: dict[str, Any], told: Told) -> None:
        """A request as JSON has it."""
        place = request.get("logits")
        wanted = Request(
            tuple(tuple(prompt) for prompt in request["prompts"]),
            request["tokens"],
            tuple(request.get("stop", ())),
            Path(place) if place else None,
            request.get("microbatches", 0),
            request.get("reserve", 0),
        )
        Generation(self._stage, self._hidden, self._dtype, self._device, wanted).run(told)

    def facts(self) -> dict[str, Any]:
        """Bytes: `baseline` with libraries imported and connections open, before any weight is read."""
        return {
            "rank": self._rank,
            "file": self._index.ranks[self._rank],
            "weight_bytes": self._weight_bytes,
            "baseline": self._baseline,
            "loaded": self._loaded,
            "peak": resident_bytes()[0],
        }
