"""Files of rows as documents: `.jsonl`, `.json` (a list), `.csv`, `.tsv` and `.parquet`. A row is a document, its text stands under
`field`, its name under `id` where there is one."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Document
from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError

ROWS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
NO_FIELD = "E0623"
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
Row = tuple[str, Mapping[str, Any]]  # where it stands (`line 7`), its cells


def has_rows(name: str) -> bool:
    """Whether a file is read row by row, with a `field`; by the name that it was given."""
    return Path(name).suffix.lower() in ROWS


def require_reader(name: str) -> None:
    """SourceError E0621 where the library that reads such a file is not installed; nothing is imported."""
    if Path(name).suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        help = "pip install 'infopt-compiler[parquet]', or save the file as .csv or .jsonl"
        raise SourceError("E0621", f"`{Path(name).name}` needs pyarrow, which is not installed", help)


def text_rows(name: str, text: str, field: str) -> Iterator[Document]:
    """The documents of a file of rows, given its text. SourceError E0609: a row that is none; E0623: one without text in `field`."""
    suffix = Path(name).suffix.lower()
    if suffix in _SEPARATORS:
        rows = _separated(name, text, _SEPARATORS[suffix], field)
    elif suffix == ".json" and text.lstrip().startswith("["):
        rows = _list(name, text)
    else:
        rows = _lines(name, text)
    return _documents(name, rows, field)


def parquet_rows(path: Path, field: str, *, schema_only: bool = False) -> Iterator[Document]:
    """The documents of a parquet file, a row group at a time. SourceError E0609, E0621, E0623."""
    require_reader(path.name)
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in (field, "id")]
            texts = [one.name for one in file.schema_arrow if _is_text(one.type)]
            if field not in columns:
                raise _no_field(f"{path.name} has no column `{field}`", field, texts)
            if schema_only:
                _require_text(path.name, file, field, texts)
            else:
                yield from _documents(path.name, _groups(file, columns), field)
    except (pyarrow.ArrowException, ValueError) as wrong:
        raise SourceError("E0609", f"{path.name} cannot be read as parquet: {wrong}") from wrong


def _groups(file: Any, columns: list[str]) -> Iterator[Row]:
    number = 0
    for group in range(file.num_row_groups):
        for row in file.read_row_group(group, columns=columns).to_pylist():
            number += 1
            yield f"row {number}", row


def _require_text(name: str, file: Any, field: str, texts: list[str]) -> None:
    """By the schema alone: SourceError E0611 without rows, E0623 where the column holds no text."""
    if file.metadata.num_rows == 0:
        raise no_text(name)
    if field not in texts:
        kind = file.schema_arrow.field(field).type
        raise _no_field(f"{name} has no text in `{field}`: the column holds {kind}", field, texts)


def no_text(name: str) -> SourceError:
    """A file that was read to its end and holds no document."""
    return SourceError("E0611", f"`{name}` holds no text")


def _is_text(kind: Any) -> bool:
    """Of a dictionary or an extension its values and its storage say it: a row gives them as they are."""
    from pyarrow.types import is_dictionary

    if is_dictionary(kind):
        return _is_text(kind.value_type)
    return str(getattr(kind, "storage_type", kind)) in ("string", "large_string", "string_view")


def _documents(name: str, rows: Iterator[Row], field: str) -> Iterator[Document]:
    for place, row in rows:
        if not isinstance(row.get(field), str):
            known = [key for key, value in row.items() if isinstance(value, str)]
            raise _no_field(f"{name}, {place} has no text in `{field}`", field, known)
        if row[field]:
            own = row.get("id")
            yield Document(place.replace(" ", "-") if own in (None, "") else str(own), row[field])


def _no_field(message: str, field: str, known: list[str]) -> SourceError:
    """What there is instead, and how a recipe names it."""
    hint = did_you_mean(field, known)
    if hint is not None and not hint.startswith("did you mean"):
        hint += f'; name one: `{{ field = "{known[0]}" }}`'
    return SourceError(NO_FIELD, message, hint)


def _lines(name: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", _object(name, f"line {number}", _json(name, f", line {number}", line))


def _list(name: str, text: str) -> Iterator[Row]:
    for number, row in enumerate(_json(name, "", text), 1):
        yield f"row {number}", _object(name, f"row {number}", row)


def _json(name: str, place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise SourceError("E0609", f"{name}{place} is no JSON: {wrong}") from wrong


def _object(name: str, place: str, row: Any) -> Mapping[str, Any]:
    if isinstance(row, dict):
        return row
    raise SourceError("E0609", f"{name}, {place} is no object, so it has no text in a field", "write for example `{\"text\": \"...\"}`")  # fmt: skip


def _separated(name: str, text: str, separator: str, field: str) -> Iterator[Row]:
    """Rows of CSV (RFC 4180) under the names of the first line."""
    csv.field_size_limit(sys.maxsize)  # a document may be long
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    head: list[str] | None = None
    try:
        for cells in reader:
            if head is None:
                head = _head(name, cells, separator, field)
            elif len(cells) == len(head):
                yield f"line {reader.line_num}", dict(zip(head, cells, strict=True))
            elif cells:
                raise SourceError(
                    "E0609",
                    f"{name}, line {reader.line_num} has {len(cells)} cells under {len(head)} columns",
                    f'write text that holds {separator!r} or a line break in quotes: "..."',
                )
    except csv.Error as wrong:
        raise SourceError("E0609", f"{name}, line {reader.line_num} is no {_kind(separator)}: {wrong}") from wrong  # fmt: skip


def _head(name: str, cells: list[str], separator: str, field: str) -> list[str]:
    if cells.count(field) == 1:
        return cells
    if field in cells:
        raise SourceError("E0609", f"{name} has {cells.count(field)} columns `{field}`", "rename one")
    other = next((mark for mark in (";", "\t", ",") if len(cells) == 1 and mark in cells[0]), None)
    if other is not None:
        help = f"its cells are separated by {other!r}: save them with {separator!r} between"
        raise SourceError(NO_FIELD, f"{name} has no column `{field}`", help)
    raise _no_field(f"{name} has no column `{field}`", field, cells)


def _kind(separator: str) -> str:
    return "CSV" if separator == "," else "TSV"
