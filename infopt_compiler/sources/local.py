"""`file:` sources: found where the recipe says, and looked into before anything is fetched or run."""

from __future__ import annotations

from pathlib import Path

from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.reference import (
    HubFile,
    LocalPath,
    is_config,
    parse_data_source,
    parse_model_source,
)
from infopt_compiler.sources.rows import has_rows
from infopt_compiler.sources.text_files import check_format, look_into


def find_local(source: LocalPath, base: Path) -> Path:
    """The file or folder; SourceError E0601 where there is none, with what the path is relative to."""
    path = source.resolve(base)
    if path.is_file() or path.is_dir():
        return path
    folder = path.parent
    hint = did_you_mean(path.name, (one.name for one in folder.iterdir())) if folder.is_dir() else None
    if not folder.is_dir():
        hint = f"there is no folder `{folder}` either"
    place = "" if Path(source.path).expanduser().is_absolute() else f"`file:` is relative to the recipe's folder, `{base.resolve()}`"  # fmt: skip
    raise SourceError("E0601", f"there is no file or folder `{path}`", "; ".join(filter(None, (hint, place))))


def require_model(path: Path) -> None:
    """SourceError E0606 for a file that cannot be a model."""
    if path.is_file() and path.suffix != ".gguf" and not is_config(path):
        help = "a model is a Hugging Face folder or a .gguf file"
        raise SourceError("E0606", f"`{path.name}` is no model", help)


def check_model(text: str, base: Path) -> None:
    """What can be said of a model's source now: SourceError E0601, E0606, E0609."""
    source = parse_model_source(text)
    if isinstance(source, LocalPath):
        try:
            require_model(find_local(source, base))
        except OSError as wrong:
            raise _unreadable(source.path, wrong) from wrong


def check_data(text: str, base: Path, field: str) -> None:
    """What can be said of a text's source now, and whether its rows have the `field`: SourceError E0601, E0609, E0611, E0621, E0623."""
    source = parse_data_source(text)
    if isinstance(source, HubFile):
        check_format(source.path)
    if isinstance(source, LocalPath):
        try:
            look_into(find_local(source, base), field)
        except OSError as wrong:
            raise _unreadable(source.path, wrong) from wrong


def has_fields(text: str, base: Path) -> bool:
    """Whether `field` says something of a text."""
    source = parse_data_source(text)
    if isinstance(source, LocalPath):
        return has_rows(source.path) and not source.resolve(base).is_dir()
    return isinstance(source, HubFile) and has_rows(source.path)


def _unreadable(path: str, wrong: OSError) -> SourceError:
    return SourceError("E0609", f"`{path}` cannot be read: {wrong.strerror or wrong}")
