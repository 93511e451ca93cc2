"""Text data: documents on disk, cut into windows of tokens by whoever has the tokenizer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from infopt_compiler.artifacts.handles import TextData

SEPARATOR = "\n\n"  # between two documents of one text


@dataclass(frozen=True)
class DataSpec:
    """How a `data` binding is cut: windows of `window` tokens; `sample` of them (0: all) chosen with `seed`."""

    window: int = 512
    sample: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Document:
    id: str
    text: str


@dataclass(frozen=True)
class Window:
    """`ids` are consecutive tokens; `documents` the ids of the documents they come from, in order; `start` counts characters of the joined text."""

    ids: tuple[int, ...]
    documents: tuple[str, ...]
    start: int
    text: str


def read_documents(data: TextData) -> list[Document]:
    lines = (data.path / "documents.jsonl").read_text("utf-8").splitlines()
    return [Document(**json.loads(line)) for line in lines]


def read_spec(data: TextData) -> DataSpec:
    return DataSpec(**json.loads((data.path / "data.json").read_text("utf-8")))


def write_text_data(folder: Path, documents: list[Document], spec: DataSpec) -> None:
    """Write what `read_documents` and `read_spec` read; the same input gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps(asdict(document), ensure_ascii=True, sort_keys=True) for document in documents)
    (folder / "documents.jsonl").write_text("".join(row + "\n" for row in rows), "utf-8")
    (folder / "data.json").write_text(json.dumps(asdict(spec), sort_keys=True) + "\n", "utf-8")


def windows(
    documents: list[Document],
    spec: DataSpec,
    encode: Callable[[str], tuple[list[int], list[tuple[int, int]]]],
) -> list[Window]:
    """Whole windows of `spec.window` tokens over the joined documents, without overlap; a rest is left out.

    `encode` gives the ids of a text (no special tokens) and each token's (start, end) characters. With
    `spec.sample` > 0 that many windows are drawn with `spec.seed`, kept in their order.
    """
    text = SEPARATOR.join(document.text for document in documents)
    ids, offsets = encode(text)
    count = len(ids) // spec.window
    chosen = range(count)
    if 0 < spec.sample < count:
        chosen = sorted(random.Random(spec.seed).sample(range(count), spec.sample))  # type: ignore[assignment]
    bounds = list(_document_bounds(documents))
    return [_window(text, ids, offsets, bounds, k * spec.window, spec.window) for k in chosen]


def _window(
    text: str,
    ids: list[int],
    offsets: list[tuple[int, int]],
    bounds: list[tuple[str, int, int]],
    first: int,
    length: int,
) -> Window:
    start, end = offsets[first][0], offsets[first + length - 1][1]
    inside = tuple(name for name, begin, stop in bounds if begin < end and stop > start)
    return Window(tuple(ids[first : first + length]), inside, start, text[start:end])


def _document_bounds(documents: list[Document]) -> Iterator[tuple[str, int, int]]:
    at = 0
    for document in documents:
        yield document.id, at, at + len(document.text)
        at += len(document.text) + len(SEPARATOR)
