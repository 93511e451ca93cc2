"""Text to sentences of token ids: what an encoder learns on, and a part kept apart that says when to stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infopt_compiler.artifacts import TextData
from infopt_compiler.artifacts.text import read_documents, read_spec
from infopt_compiler.measure.embedding.agreement import cut_sentences
from infopt_compiler.passes.distill.amounts import APART_SENTENCES, APART_SHARE
from infopt_compiler.passes.distill.data import load_tokenizer
from infopt_compiler.passes.distill.training.errors import NoText

_LEAST = 20


@dataclass(frozen=True)
class Sentences:
    """N sentences with their special tokens, one behind the other: `ids` (all tokens), `starts` (N + 1); `padding` is
    the id that fills a batch up."""

    ids: Any
    starts: Any
    padding: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def tokens(self) -> int:
        return int(self.starts[-1])

    def first(self, count: int) -> Sentences:
        """At most the first `count` of them."""
        starts = self.starts[: count + 1]
        return Sentences(self.ids[: starts[-1]], starts, self.padding)

    def length(self, item: int) -> int:
        return int(self.starts[item + 1] - self.starts[item])

    def rows(self, items: list[int]) -> Tensor:
        """(B, S) int64, each row filled up with padding."""
        out = torch.full((len(items), max(map(self.length, items))), self.padding, dtype=torch.long)
        for row, item in enumerate(items):
            part = self.ids[self.starts[item] : self.starts[item + 1]]
            out[row, : len(part)] = torch.from_numpy(part.astype(np.int64))
        return out

    def pieces(self, items: list[int], most: int) -> list[list[int]]:
        """The items by length in pieces of at most `most`, so that little of a batch is padding."""
        ordered = sorted(items, key=self.length)
        return [ordered[at : at + most] for at in range(0, len(ordered), most)]


def training_sentences(teacher: Path, texts: tuple[TextData, ...]) -> tuple[Sentences, Sentences]:
    """Sentences of all texts to learn on, and some kept apart (every 20th); each sentence once. Raises NoText.

    A text's `window` is the most tokens of a sentence, `sample` the most sentences, drawn by its `seed`.
    """
    import random

    tokenizer = load_tokenizer(teacher)
    found: dict[str, int] = {}
    for text in texts:
        spec = read_spec(text)
        cut = [part for document in read_documents(text) for part in cut_sentences(document.text)]
        fresh = [part for part in dict.fromkeys(cut) if part not in found]
        if 0 < spec.sample < len(fresh):
            fresh = [
                fresh[k] for k in sorted(random.Random(spec.seed).sample(range(len(fresh)), spec.sample))
            ]
        found |= dict.fromkeys(fresh, spec.window)
    if len(found) < _LEAST:
        raise NoText(
            f"the text holds {len(found)} sentences; at least {_LEAST} are needed", help="give more text"
        )
    every = max(APART_SHARE, -(-len(found) // APART_SENTENCES))
    rows = [_ids(tokenizer, sentence, window) for sentence, window in found.items()]
    apart = [row for place, row in enumerate(rows) if place % every == every - 1]
    train = [row for place, row in enumerate(rows) if place % every != every - 1]
    padding = _padding(teacher)
    return _packed(train, padding), _packed(apart, padding)


def _ids(tokenizer: Any, sentence: str, most: int) -> list[int]:
    ids: list[int] = tokenizer.encode(sentence).ids
    return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]  # the token that ends a text stays


def _padding(folder: Path) -> int:
    import json

    return int(json.loads((folder / "config.json").read_text("utf-8")).get("pad_token_id") or 0)


def _packed(rows: Iterable[list[int]], padding: int) -> Sentences:
    kept = list(rows)
    starts = np.cumsum([0, *(len(row) for row in kept)])
    return Sentences(np.concatenate([np.array(row, np.int32) for row in kept]), starts, padding)
