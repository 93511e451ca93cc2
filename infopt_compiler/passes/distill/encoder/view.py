"""The teacher's view of the sentences, made once and kept on disk: a vector each, and what its last layer sees of each token.

With the latter the last layer alone gives all of the teacher's states and attention again, at a sixth of MiniLM's cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.passes.distill.encoder.model import Encoder
from infopt_compiler.passes.distill.encoder.sentences import Sentences
from infopt_compiler.passes.distill.kept_files import open_array

_PIECE = 64  # sentences of about one length a forward
_PIECES = 32  # between two notes of how far it is


@dataclass(frozen=True)
class View:
    """`vectors` (N, D) float32; `states` (all tokens, D) float16, or None."""

    vectors: Any
    states: Any

    def vector(self, items: list[int]) -> Tensor:
        return torch.from_numpy(np.asarray(self.vectors[items]))

    def before(self, sentences: Sentences, items: list[int]) -> Tensor:
        """(B, S, D) float32, zeros at padding: what the teacher's last layer sees."""
        width = self.states.shape[1]
        out = torch.zeros(len(items), max(map(sentences.length, items)), width)
        for row, item in enumerate(items):
            part = self.states[sentences.starts[item] : sentences.starts[item + 1]]
            out[row, : len(part)] = torch.from_numpy(part.astype(np.float32))
        return out


def look(
    teacher: Encoder,
    sentences: Sentences,
    folder: Path,
    *,
    states: bool,
    floats16: bool,
    tell: Callable[[int, int], None],
) -> View:
    """Run the teacher over all sentences, or over those that a killed run left. `floats16`: products in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    width = teacher.model.config.hidden_size
    wanted: dict[str, Any] = {"vectors": (np.float32, (len(sentences), width))}
    if states:
        wanted["states"] = (np.float16, (sentences.tokens, width))
    opened = {name: open_array(folder / f"{name}.npy", *like) for name, like in wanted.items()}
    vectors, tokens = opened["vectors"][0], opened["states"][0] if states else None
    pieces = sentences.pieces(list(range(len(sentences))), _PIECE)
    note = folder / "done.json"
    done = read_json(note) or 0 if all(there for _, there in opened.values()) else 0
    for place in range(done, len(pieces)):
        if place % _PIECES == 0:
            tell(place, len(pieces))
            _note(note, place, vectors, tokens)
        items = pieces[place]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=floats16):
            seen = teacher.encode(sentences.rows(items))
        vectors[items] = seen.vector.float().numpy()
        if tokens is not None:
            for row, item in enumerate(items):
                length = sentences.length(item)
                tokens[sentences.starts[item] : sentences.starts[item + 1]] = seen.before[row, :length].half()
    _note(note, len(pieces), vectors, tokens)
    return View(vectors, tokens)


def _note(path: Path, done: int, *arrays: Any) -> None:
    """How many pieces are on disk."""
    for array in arrays:
        if array is not None:
            array.flush()
    write_json(path, done)
