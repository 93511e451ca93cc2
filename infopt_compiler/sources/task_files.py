"""The data of a task: files of its own folder, and nothing that would be fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError

DATA = "data"  # the folder of an artifact that holds the files
_FORMATS = ("json", "csv", "parquet", "text")
# What `datasets` is told of the files. Its other arguments fetch, or say where to.
_OF_FILES = ("field", "delimiter", "column_names", "encoding", "keep_linebreaks", "sample_by")


def data_files(folder: Path, task: str, found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Path]]:
    """The arguments of `datasets.load_dataset`, files by their names in the artifact, and the files."""
    path = found.get("dataset_path")
    said: dict[str, Any] = dict(found.get("dataset_kwargs") or {})
    if path not in _FORMATS or "data_files" not in said:
        where = f"loads `{path}` from the hub" if path not in _FORMATS else "names no `data_files`"
        help = f"write `dataset_path: json` and `dataset_kwargs: {{data_files: {{test: FILE.jsonl}}}}`, relative to `{folder.name}`"
        raise SourceError("E0617", f"the data of `{task}` are not at hand: it {where}", help)
    said.pop("trust_remote_code", None)
    if other := sorted(set(said) - {"data_files", *_OF_FILES}):
        raise SourceError("E0619", f"`dataset_kwargs` of `{task}` has `{other[0]}`, which is not supported")
    files = {name: _file(folder, task, name) for name in _names(said["data_files"])}
    return said | {"data_files": _renamed(said["data_files"])}, files


def _names(files: Any) -> Iterator[str]:
    """Of one file, several, or those of each split."""
    if isinstance(files, dict | list):
        for part in files.values() if isinstance(files, dict) else files:
            yield from _names(part)
    else:
        yield str(files)


def _renamed(files: Any) -> Any:
    if isinstance(files, dict):
        return {str(key): _renamed(part) for key, part in files.items()}
    return [_renamed(part) for part in files] if isinstance(files, list) else f"{DATA}/{files}"


def _file(folder: Path, task: str, name: str) -> Path:
    path = folder / name
    if "://" in name or name.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", name):
        raise SourceError(
            "E0617", f"the data of `{task}` are not at hand: `{name}` is not in its folder", "copy it there"
        )
    if not path.is_file():
        known = [other.relative_to(folder).as_posix() for other in folder.rglob("*") if other.is_file()]
        message = f"the data of `{task}` are not at hand: there is no file `{path}`"
        raise SourceError("E0617", message, did_you_mean(name, known))
    return path
