"""Prompts for the proof: texts of different lengths by the model's own tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

from infopt_compiler.artifacts import TextData

from .errors import Unsupported

# Without `on`: prose, code, another language, digits.
TEXTS = (
    "A compiler reads a program in one language, checks it, and writes the same program in another. A compiler for models reads a "
    "recipe, checks it before anything runs, and writes a model that meets what the recipe demands. In 2024, 12 of 345",
    "def quicksort(items):\n    if len(items) <= 1:\n        return items\n    pivot = items[0]\n    smaller = [",
    "Les trois couleurs du drapeau français sont le bleu, le blanc et",
    "The capital of France is",
)
_CHARACTERS = 2000  # of a document that are read


def proof_prompts(folder: Path, on: TextData | None, count: int, longest: int) -> list[list[int]]:
    """Ids of `count` prompts: the first `longest` tokens of a text, then fewer and fewer of other texts."""
    texts = _texts(on)
    lengths = [max(2, longest * (count - k) // count) for k in range(count)]
    prompts = [encode(folder, texts[k % len(texts)])[:length] for k, length in enumerate(lengths)]
    return [prompt for prompt in prompts if prompt]


def encode(folder: Path, text: str) -> list[int]:
    """Ids by tokenizer.json, no special tokens added."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise Unsupported("the model has no tokenizer.json, so there are no prompts to prove its shards with")
    return list(Tokenizer.from_file(str(path)).encode(text, add_special_tokens=False).ids)


def _texts(on: TextData | None) -> list[str]:
    """Beginnings of the documents of `on`, or the built-in texts where there are none."""
    if on is None:
        return list(TEXTS)
    lines = (on.path / "documents.jsonl").read_text("utf-8").splitlines()
    found = [text for line in lines[: len(TEXTS)] if (text := json.loads(line)["text"][:_CHARACTERS].strip())]
    return found or list(TEXTS)
