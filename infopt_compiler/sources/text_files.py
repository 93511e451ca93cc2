"""Text files as documents.

A `.jsonl` file has one document per line, under `field`. A text file has one per paragraph (blank lines between).
A folder has one per `.txt` or `.md` file, sorted by name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from infopt_compiler.artifacts import Document
from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError


def file_documents(path: Path, field: str) -> list[Document]:
    """The documents of a file or folder; SourceError E0601 or E0609."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if is_text_file(file.name) and file.is_file())
        return [Document(file.relative_to(path).as_posix(), _read(file)) for file in files]
    if not path.is_file():
        raise SourceError("E0601", f"there is no file `{path}`", _neighbour(path))
    if path.suffix in (".jsonl", ".ndjson"):
        return _lines(path, field)
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*\n\s*", _read(path))]
    return [Document(f"paragraph-{n}", text) for n, text in enumerate(paragraphs, 1) if text.strip()]


def is_text_file(name: str) -> bool:
    """Whether a file of a folder is read."""
    return name.endswith((".txt", ".md"))


def _lines(path: Path, field: str) -> list[Document]:
    documents = []
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as wrong:
            raise SourceError("E0609", f"{path.name}, line {number} is no JSON: {wrong}") from wrong
        if not isinstance(row, dict) or not isinstance(row.get(field), str):
            known = (
                [key for key, value in row.items() if isinstance(value, str)] if isinstance(row, dict) else []
            )
            raise SourceError(
                "E0609", f"{path.name}, line {number} has no text in `{field}`", did_you_mean(field, known)
            )
        if row[field]:
            documents.append(Document(str(row.get("id", f"line-{number}")), row[field]))
    return documents


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise SourceError(
            "E0609", f"{path.name} is no UTF-8 text: {wrong.reason} at byte {wrong.start}"
        ) from wrong


def _neighbour(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no folder `{path.parent}` either"
    return did_you_mean(path.name, (other.name for other in path.parent.iterdir()))
