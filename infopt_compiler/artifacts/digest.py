"""Full SHA-256 digests of files, folders and JSON values. Nothing is ever cut short."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """One text per value, as RFC 8785 has it: keys sorted, no spaces, `1.0` written `1`, floats at shortest.

    Raises TypeError for keys that are no strings (they would collide with their text) and for values that
    are no JSON, ValueError for NaN and infinities.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_json(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path) -> str:
    """SHA-256 over the sorted relative names of all files and the SHA-256 of their bytes."""
    return digest_listing({name: digest_file(path) for name, path in folder_files(folder)})


def digest_listing(digests: Mapping[str, str]) -> str:
    """The digest of a folder whose files (relative name → SHA-256) are known."""
    return digest_json(["folder", sorted(digests.items())])


def folder_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative name with slashes, path) of all files below `folder`, sorted by name."""
    found = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    yield from sorted(found)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if wrong := [key for key in value if type(key) is not str]:
            raise TypeError(f"JSON keys must be strings, not {wrong[0]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
