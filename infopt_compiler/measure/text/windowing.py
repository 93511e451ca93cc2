"""Held-out text in windows of an artifact's own tokens, each window with the document and the bytes it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.handles import TextData
from infopt_compiler.artifacts.text import SEPARATOR, Document, Window, read_documents, read_spec, windows
from infopt_compiler.diagnostics import DiagnosticError, error

EXCERPT = 240  # characters of a window's text that reports show
PROMPT, CONTINUED = (
    64,
    64,
)  # tokens that models go on from, and that they write; of a window of 512 its beginning


@dataclass(frozen=True)
class ScoredWindow:
    """`document` owns most of the window (the cluster of the statistics); `scored_bytes` are UTF-8 bytes behind the first token."""

    ids: tuple[int, ...]
    document: str
    start: int
    scored_bytes: int
    excerpt: str


@dataclass(frozen=True)
class Cut:
    """A text cut for scoring; `offsets`: the character at which each token begins. `vocabulary`: entries that the tokenizer knows; what a model has beyond them is padding."""

    windows: tuple[ScoredWindow, ...]
    vocabulary: int
    text: str
    ids: tuple[int, ...]
    offsets: tuple[int, ...]


def load_tokenizer(folder: Path) -> Any:
    """The `tokenizers.Tokenizer` of an artifact; DiagnosticError E0905 where the folder has none."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise DiagnosticError(
            error("E0905", f"{folder.name} has no tokenizer.json, so no text can be scored")
        )
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def cut(folder: Path, data: TextData, limit: int) -> Cut:
    """The windows of `data` in the tokens of the artifact at `folder`: at most `limit` (0: all), evenly spread.

    No BOS is put in front. DiagnosticError E0907 where not one window is full.
    """
    tokenizer = load_tokenizer(folder)
    documents, spec = read_documents(data), read_spec(data)
    text = SEPARATOR.join(document.text for document in documents)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    ids, offsets = encoding.ids, encoding.offsets
    found = windows(documents, spec, lambda _: (ids, offsets))
    if not found:
        message = f"{len(ids)} tokens do not fill one window of {spec.window}"
        raise DiagnosticError(
            error("E0907", message, help="take a larger range of the data, or a smaller window")
        )
    firsts = {offsets[k][0]: k for k in range(0, len(ids) - spec.window + 1, spec.window)}
    scored = tuple(
        _scored(window, documents, text, offsets[firsts[window.start] + 1][0])
        for window in spread(found, limit)
    )
    vocabulary = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())
    return Cut(scored, vocabulary, text, tuple(ids), tuple(start for start, _ in offsets))


def spread(found: Sequence[Window], limit: int) -> list[Window]:
    """`limit` of them at equal distances, in order; all if there are no more or `limit` is 0."""
    if limit <= 0 or len(found) <= limit:
        return list(found)
    return [found[(2 * k + 1) * len(found) // (2 * limit)] for k in range(limit)]


def _scored(window: Window, documents: Sequence[Document], text: str, second: int) -> ScoredWindow:
    """`second`: the character at which the second token, the first that is scored, begins."""
    end = window.start + len(window.text)
    return ScoredWindow(
        ids=window.ids,
        document=_owner(window, documents),
        start=window.start,
        scored_bytes=len(text[second:end].encode("utf-8")),
        excerpt=" ".join(window.text.split())[:EXCERPT],
    )


def _owner(window: Window, documents: Sequence[Document]) -> str:
    """The document with the most characters in the window."""
    at, best, most = 0, window.documents[0] if window.documents else "", 0
    end = window.start + len(window.text)
    for document in documents:
        shared = min(end, at + len(document.text)) - max(window.start, at)
        if shared > most:
            best, most = document.id, shared
        at += len(document.text) + len(SEPARATOR)
    return best


def prompt_of(window: ScoredWindow) -> list[int]:
    """The beginning of a window, which models go on from."""
    return list(window.ids[: min(PROMPT, max(1, len(window.ids) // 2))])
