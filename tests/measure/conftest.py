from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from infopt_compiler.artifacts import DataSpec, Document, HFModel, ModelSpec, OnnxModel, TextData
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.artifacts.text import write_text_data
from tests.measure.models import corpus, export, write_llama


@dataclass(frozen=True)
class World:
    """A tiny model, its export, a slower one with more layers, and text: shared by the session, never changed."""

    base: HFModel
    onnx: OnnxModel
    slow: OnnxModel
    text: TextData
    spec: ModelSpec


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("measure")
    base = write_llama(root / "base")
    slow = write_llama(root / "slow", layers=24)
    documents = [Document(f"d{k}", corpus()[k * 400 : (k + 1) * 400]) for k in range(12)]
    write_text_data(root / "text", documents, DataSpec(window=64))
    return World(
        HFModel(base, digest_folder(base)),
        _exported(base, root / "onnx"),
        _exported(slow, root / "onnx-slow"),
        TextData(root / "text", digest_folder(root / "text")),
        ModelSpec.from_folder(base),
    )


def _exported(source: Path, folder: Path) -> OnnxModel:
    export(source, folder)
    return OnnxModel(folder, digest_folder(folder))
