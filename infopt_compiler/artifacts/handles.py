"""Typed handles of what passes take and give. A handle is a folder in the store and its digest; it loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Artifact:
    """An immutable folder; `digest` is the full SHA-256 of its files (names and bytes)."""

    kind: ClassVar[str] = "artifact"
    path: Path
    digest: str

    @property
    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


@dataclass(frozen=True)
class HFModel(Artifact):
    """A Hugging Face folder: config.json, *.safetensors, tokenizer files, chat template."""

    kind = "HFModel"


@dataclass(frozen=True)
class QuantizedModel(Artifact):
    """A Hugging Face folder with integer weights: `X.qweight`, `X.scales`, `X.qzeros` and `quantization_config`."""

    kind = "QuantizedModel"


@dataclass(frozen=True)
class ShardedModel(Artifact):
    """Per-rank safetensors with an index and the mesh."""

    kind = "ShardedModel"


@dataclass(frozen=True)
class OnnxModel(Artifact):
    """A folder that onnxruntime-genai opens: model.onnx, its data, genai_config.json, tokenizer files."""

    kind = "OnnxModel"


@dataclass(frozen=True)
class Data(Artifact):
    """What models are run on, and no model itself."""

    kind = "data"


@dataclass(frozen=True)
class TextData(Data):
    """A folder with `documents.jsonl` (one {"id", "text"} a line) and `data.json` (a `DataSpec`)."""

    kind = "TextData"


@dataclass(frozen=True)
class TaskData(Data):
    """A folder with `task.json` (a task of lm-evaluation-harness, and which of its documents count) and `data/`."""

    kind = "TaskData"


KINDS: dict[str, type[Artifact]] = {
    cls.kind: cls for cls in (HFModel, QuantizedModel, ShardedModel, OnnxModel, TextData, TaskData)
}
