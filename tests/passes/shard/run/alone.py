"""The runtime of shards alone on one rank, in this process, against transformers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.run.write import write_shards

_GENERATED = 4


def require_equal(source: Path, scratch: Path, lengths: tuple[int, ...]) -> None:
    """Logits of prompts of these lengths, and of some tokens decoded behind them, are transformers' own."""
    import torch

    from infopt_compiler.passes.shard.run.prove import TOLERANCE, compare
    from infopt_compiler.passes.shard.run.session import Session

    shards, logits = scratch / "shards", scratch / "logits"
    shards.mkdir()
    logits.mkdir()
    index = write_shards(source, shards, Mesh(), "float32", lambda *told: None)
    words = json.loads((source / "config.json").read_text("utf-8"))["vocab_size"]
    torch.manual_seed(1)
    prompts = [torch.randint(0, words, (length,)).tolist() for length in lengths]
    tokens: list[list[int]] = [[] for _ in prompts]

    def told(first: int, chosen: Any) -> None:
        for offset, token in enumerate(chosen):
            tokens[first + offset].append(token)

    with torch.inference_mode():
        session = Session(shards, index, 0, torch.device("cpu"), timedelta(seconds=60))
        session.run({"prompts": prompts, "tokens": _GENERATED, "logits": str(logits)}, told)
    found = compare(source, "float32", prompts, tokens, logits)
    assert found.positions == sum(lengths) + (_GENERATED - 1) * len(lengths)
    assert found.largest <= TOLERANCE
    assert not found.wrong
