"""Text files as documents.

A file of rows (`rows.py`) has one document per row, under `field`. A text file has one per paragraph (blank lines between).
A folder has one per `.txt` or `.md` file, sorted by name. How a file is read is said by the name that it was given.
"""

from __future__ import annotations

import re
from pathlib import Path

from infopt_compiler.artifacts import Document
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.rows import has_rows, no_text, parquet_rows, require_reader, text_rows

TAKEN = "taken are text (paragraphs are documents), .jsonl, .json, .csv, .tsv and .parquet with `field`, and folders of .txt and .md"
_LOOK_BYTES = 1 << 20  # of a file are read to check a recipe
_SPREADSHEET, _ARROW, _ARRAY = "save it as .csv", "save it as .parquet", "save its text as .jsonl"
_ARCHIVE, _MARKUP = "unpack it", "its markup would be read as text: save the text alone"
_REFUSED = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), _SPREADSHEET),
    **dict.fromkeys((".tab", ".psv", ".dsv"), _SPREADSHEET),
    **dict.fromkeys((".arrow", ".feather", ".ipc", ".avro", ".orc"), _ARROW),
    **dict.fromkeys((".npy", ".npz", ".pkl", ".pickle", ".h5", ".hdf5", ".db", ".sqlite"), _ARRAY),
    **dict.fromkeys((".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".7z"), _ARCHIVE),
    **dict.fromkeys((".html", ".htm", ".xml", ".yaml", ".yml", ".ipynb", ".rtf"), _MARKUP),
}
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"(\xb5/\xfd": "a zstd archive",
    b"PAR1": "a parquet file: give it that ending",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a NumPy array",
    b"%PDF": "a PDF",
    b"GGUF": "a model",
}


def file_documents(path: Path, field: str) -> list[Document]:
    """The documents of a file or folder that is there; SourceError E0609, E0611, E0621, E0623."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if is_text_file(file.name) and file.is_file())
        _require_files(path, files)
        return [Document(file.relative_to(path).as_posix(), _read(file)) for file in files]
    check_format(path.name)
    if path.suffix.lower() == ".parquet":
        return list(parquet_rows(path, field))
    if has_rows(path.name):
        return list(text_rows(path.name, _read(path), field))
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*\n\s*", _read(path))]
    return [Document(f"paragraph-{n}", text) for n, text in enumerate(paragraphs, 1) if text.strip()]


def is_text_file(name: str) -> bool:
    """Whether a file of a folder is read."""
    return name.endswith((".txt", ".md"))


def check_format(name: str) -> None:
    """By its name alone: SourceError E0609 for what is not taken, E0621 where a library is missing."""
    require_reader(name)
    suffix = Path(name).suffix.lower()
    if suffix in _REFUSED:
        raise SourceError("E0609", f"`{name}` is not read as text: {_REFUSED[suffix]}", TAKEN)


def look_into(path: Path, field: str) -> None:
    """What a build would say of the first megabyte (of a parquet file of its columns, of a folder of its names): SourceError E0609,
    E0611, E0621, E0623; OSError."""
    if path.is_dir():
        found = (file for file in path.rglob("*") if is_text_file(file.name) and file.is_file())
        _require_files(path, [file for file in [next(found, None)] if file is not None])
        return
    check_format(path.name)
    if path.suffix.lower() == ".parquet":
        list(parquet_rows(path, field, schema_only=True))
        return
    with path.open("rb") as file:
        start = file.read(_LOOK_BYTES)
        whole = not file.read(1)
    text = _decoded(path.name, start if whole else start[: start.rfind(b"\n") + 1])
    if has_rows(path.name):
        _look_at_rows(path.name, text, field, whole)
    elif whole and not text.strip():
        raise no_text(path.name)


def _look_at_rows(name: str, text: str, field: str, whole: bool) -> None:
    if not whole and name.lower().endswith(".json") and text.lstrip().startswith("["):
        return  # half a list is no JSON
    try:
        documents = sum(1 for _ in text_rows(name, text, field))
        if whole and not documents:
            raise no_text(name)
    except SourceError as wrong:
        if whole or "unexpected end of data" not in str(wrong):  # the cut went through a quoted cell
            raise


def _require_files(folder: Path, files: list[Path]) -> None:
    if not files:
        raise SourceError("E0611", f"`{folder.name}` holds no .txt or .md file", f"name one file; {TAKEN}")


def _read(path: Path) -> str:
    return _decoded(path.name, path.read_bytes())


def _decoded(name: str, data: bytes) -> str:
    """UTF-8 text, a mark in front left out, lines ended as here. SourceError E0609."""
    kind = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)
    if kind is not None:
        raise SourceError("E0609", f"{name} is {kind}, no text", TAKEN)
    if (zero := data.find(b"\0")) >= 0:
        raise SourceError("E0609", f"{name} is no UTF-8 text: a zero byte at byte {zero}", TAKEN)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        message = f"{name} is no UTF-8 text: {wrong.reason} at byte {wrong.start}"
        raise SourceError("E0609", message, TAKEN) from wrong
    return text.replace("\r\n", "\n").replace("\r", "\n")
