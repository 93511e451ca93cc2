"""Texts of an exact number of tokens, each different, from prose that every Python carries."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

_CHARACTERS_PER_TOKEN = 8  # longer than any tokenizer's average, so that the bisection starts above its goal
_PLACES = 4
_WORDS = 5  # fewer make a heading, not a request
_NEARBY = 12  # characters tried around a length that misses by a token (merges are not monotone)


def corpus() -> str:
    """English technical prose: the help topics that ship with Python."""
    from pydoc_data.topics import topics

    return " ".join(" ".join(topics.values()).split())


def read_prompts(
    folder: Path, encode: Callable[[str], list[int]], tokens: int, count: int, seed: int
) -> list[str] | None:
    """`count` texts of the data in `folder` (`documents.jsonl`), drawn by `seed`, each with its own length, cut to `tokens` ids.

    A text is a document, or a paragraph of one that holds several. None if even an empty text takes more than `tokens`,
    or the data hold none.
    """
    lines = (folder / "documents.jsonl").read_text("utf-8").splitlines()
    documents = [str(json.loads(line)["text"]) for line in lines if line]
    texts = [part.strip() for text in documents for part in text.split("\n\n") if len(part.split()) >= _WORDS]
    texts = texts or [text.strip() for text in documents if text.strip()]
    if not texts or len(encode("")) >= tokens:
        return None
    rng = random.Random(seed)
    drawn = [texts[rng.randrange(len(texts))] for _ in range(count)]
    return [text if len(encode(text)) <= tokens else _fit(encode, text, tokens) for text in drawn]


def make_prompts(encode: Callable[[str], list[int]], tokens: int, count: int, seed: int) -> list[str] | None:
    """`count` different texts whose `encode` (template included) gives `tokens` ids, or a few less if none gives just that.

    None if even an empty text takes more than `tokens`.
    """
    if len(encode("")) >= tokens:
        return None
    text, rng = corpus(), random.Random(seed)
    while len(text) < 4 * tokens * _CHARACTERS_PER_TOKEN:
        text += text
    return [_prompt(encode, text, tokens, rng) for _ in range(count)]


def _prompt(encode: Callable[[str], list[int]], text: str, tokens: int, rng: random.Random) -> str:
    """From a random place; where no cut gives just `tokens` ids, from another one."""
    best = ""
    for _ in range(_PLACES):
        start = rng.randrange(len(text) - tokens * _CHARACTERS_PER_TOKEN)
        found = _fit(encode, text[text.find(" ", start) + 1 :], tokens)
        best = max(best, found, key=lambda candidate: len(encode(candidate)))
        if len(encode(best)) == tokens:
            break
    return best


def _fit(encode: Callable[[str], list[int]], text: str, tokens: int) -> str:
    """The beginning of `text` that encodes to `tokens` ids, by bisection over its length in characters."""
    low, high = 0, min(len(text), tokens * _CHARACTERS_PER_TOKEN)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(encode(text[:middle])) <= tokens else (low, middle)
    for length in range(low, max(0, low - _NEARBY), -1):
        if len(encode(text[:length])) == tokens:
            return text[:length]
    while len(encode(text[:low])) > tokens:
        low -= 1
    return text[:low]
