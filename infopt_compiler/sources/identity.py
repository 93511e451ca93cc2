"""What a source is, before it is imported: what enters its cache key, and the shapes that planning needs."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.digest import digest_file, digest_json, digest_listing
from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.artifacts.store import cache_root
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.gguf_header import read_gguf_header
from infopt_compiler.sources.hf_folder import is_model_file
from infopt_compiler.sources.local import find_local
from infopt_compiler.sources.module_text import module_files
from infopt_compiler.sources.reference import (
    HarnessTask,
    HubModel,
    LocalPath,
    PythonModule,
    WheelMember,
    is_config,
    parse_data_source,
    parse_model_source,
)
from infopt_compiler.sources.task_config import read_task
from infopt_compiler.sources.task_folder import digest_of
from infopt_compiler.sources.text_files import is_text_file
from infopt_compiler.sources.wheel import cached_wheel, find_member

MODEL_IMPORT_VERSION = 2  # bump when an import writes other bytes
DATA_IMPORT_VERSION = 2  # as above; 1 read tables as prose


def model_identity(text: str, base: Path) -> dict[str, Any]:
    """Plain data for the key: the text of what cannot change (a package's version, a revision), the digest of the
    rest. A branch of the hub is resolved once: the commit is in the facts. SourceError E0600, E0601."""
    source = parse_model_source(text)
    if isinstance(source, LocalPath):
        return _local(find_local(source, base), is_model_file)
    return {"source": text}


def data_identity(text: str, base: Path) -> dict[str, Any]:
    """As `model_identity`, of a text or a task. SourceError E0600, E0601, E0610, E0615 to E0619."""
    source = parse_data_source(text)
    if isinstance(source, HarnessTask):
        return {"digest": digest_of(read_task(source.resolve(base), source.task))}
    if isinstance(source, PythonModule):
        return {"source": text, "digest": _modules_digest(source)}
    if isinstance(source, LocalPath):
        return _local(find_local(source, base), is_text_file)
    return {"source": text}


def peek_spec(text: str, base: Path) -> ModelSpec | None:
    """The model's shapes where they can be read without fetching anything; None where they cannot."""
    try:
        source = parse_model_source(text)
        if isinstance(source, LocalPath):
            return _spec_of_path(source.resolve(base))
        if isinstance(source, WheelMember):
            return _spec_in_wheel(source)
        return _spec_in_hub_cache(source)
    except (
        SourceError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
        zipfile.BadZipFile,
    ):
        return None  # what is wrong with the source is told when it is fetched


def _spec_of_path(path: Path) -> ModelSpec:
    if path.is_dir():
        return ModelSpec.from_folder(path)
    if is_config(path):
        return ModelSpec.from_config_file(path)
    with path.open("rb") as file:
        return read_gguf_header(file).spec()


def _spec_in_wheel(source: WheelMember) -> ModelSpec | None:
    wheel = cached_wheel(source, cache_root() / "sources")
    if wheel is None:
        return None
    infos, root = find_member(wheel, source.member)
    name = str(root) if root.suffix == ".gguf" else str(root / "config.json")
    info = next((info for info in infos if PurePosixPath(info.filename) == PurePosixPath(name)), None)
    if info is None:
        return None
    with zipfile.ZipFile(wheel.path) as archive, archive.open(info) as stream:
        return _spec_of_stream(stream, name)


def _spec_of_stream(stream: IO[bytes], name: str) -> ModelSpec:
    if name.endswith(".gguf"):
        return read_gguf_header(stream).spec()
    return ModelSpec.from_config(json.loads(stream.read().decode("utf-8")))


def _spec_in_hub_cache(source: HubModel) -> ModelSpec | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repository, "config.json", revision=source.revision)
    return ModelSpec.from_folder(Path(found).parent) if isinstance(found, str) else None


def _local(path: Path, wanted: Callable[[str], bool]) -> dict[str, Any]:
    """Its content, wherever it lies; the suffix says how it is read."""
    return {"digest": _digest(path, wanted), "suffix": path.suffix}


def _digest(path: Path, wanted: Callable[[str], bool]) -> str:
    """The digest of a file, or of those files of a folder that an import reads; remembered while their sizes, times
    and inodes stay."""
    if path.is_file():
        return _remembered([path.as_posix(), wanted.__name__], {"": path})
    files = {file.relative_to(path).as_posix(): file for file in _files(path, wanted)}
    return _remembered([path.as_posix(), wanted.__name__], files)


def _modules_digest(source: PythonModule) -> str:
    """Of one module its file's; of several files theirs with their names."""
    files = module_files(source.modules)
    if len(files) == 1:
        return digest_file(next(iter(files.values())))
    return _remembered(["python", source.module, *sys.version_info[:2]], files)


def _remembered(key: list[Any], files: dict[str, Path]) -> str:
    """The digest of files by their names (of the one without a name: its own), kept until one of them changes."""
    stamps = [[file.as_posix(), *_stamp(file)] for file in files.values()]
    record = cache_root() / "sources" / "digests" / digest_json(key)
    known = read_json(record)
    if isinstance(known, dict) and known.get("stamps") == stamps:
        return str(known["digest"])
    digests = {name: digest_file(file) for name, file in files.items()}
    digest = digests[""] if "" in digests else digest_listing(digests)
    write_json(record, {"stamps": stamps, "digest": digest})
    return digest


def _files(folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """None where it is no model: the import says so, and a whole disk is not walked before it."""
    if wanted is is_model_file and not (folder / "config.json").is_file():
        return []
    return sorted(
        file for file in folder.rglob("*") if wanted(file.relative_to(folder).as_posix()) and file.is_file()
    )


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]
