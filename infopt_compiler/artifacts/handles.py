"""Typed handles of what passes take and give. A handle is a folder in the store and its digest; it loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from infopt_compiler.artifacts.layouts import (
    FLOAT_DECODER,
    FLOAT_ENCODER,
    INTEGER_DECODER,
    INTEGER_ENCODER,
    ONNX_DECODER,
    ONNX_ENCODER,
    ONNX_STAGES,
    SHARDS,
    Layout,
)
from infopt_compiler.plugins import Registry

ENTRY_POINT_GROUP = "infopt_compiler.kinds"

_WEIGHT_FILES = (".safetensors", ".onnx", ".data", ".bin", ".gguf")


@dataclass(frozen=True)
class Artifact:
    """An immutable folder; `digest` is the full SHA-256 of its files (names and bytes).

    A kind is a class of these: which runtimes serve it, and score text with it, follows from its layouts.
    """

    kind: ClassVar[str] = "artifact"
    layouts: ClassVar[tuple[Layout, ...]] = ()  # of which a folder of this kind has the first that fits
    ships: ClassVar[bool] = False  # it is what is deployed, so that budgets may hold for it
    path: Path
    digest: str

    @property
    def layout(self) -> Layout | None:
        """How its files lie; None where the kind lists no such layout."""
        return next((one for one in self.layouts if one.fits(self.path)), None)

    @property
    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    @property
    def weight_file_bytes(self) -> int:
        """Bytes of the files that hold weights; tokenizer and configuration apart. A graph of some kB counts."""
        files = (file for file in self.path.rglob("*") if file.is_file())
        return sum(file.stat().st_size for file in files if file.suffix in _WEIGHT_FILES)


@dataclass(frozen=True)
class HFModel(Artifact):
    """A Hugging Face folder: config.json, *.safetensors, tokenizer files, chat template."""

    kind = "HFModel"
    layouts = (FLOAT_DECODER, FLOAT_ENCODER)
    ships = True


@dataclass(frozen=True)
class QuantizedModel(Artifact):
    """A Hugging Face folder with integer weights: `X.qweight`, `X.scales`, `X.qzeros` and `quantization_config`."""

    kind = "QuantizedModel"
    layouts = (INTEGER_DECODER, INTEGER_ENCODER)


@dataclass(frozen=True)
class ShardedModel(Artifact):
    """Per-rank safetensors with an index and the mesh."""

    kind = "ShardedModel"
    layouts = (SHARDS,)
    ships = True


@dataclass(frozen=True)
class OnnxModel(Artifact):
    """A folder that onnxruntime-genai opens: model.onnx, its data, genai_config.json, tokenizer files; of an encoder one that
    plain onnxruntime opens: model.onnx and tokenizer files."""

    kind = "OnnxModel"
    layouts = (ONNX_DECODER, ONNX_ENCODER)
    ships = True


@dataclass(frozen=True)
class OnnxStages(Artifact):
    """A folder of pipeline stages that plain onnxruntime runs one after the other: stages.json and a graph for each."""

    kind = "OnnxStages"
    layouts = (ONNX_STAGES,)
    ships = True


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


_BUILT_IN = (HFModel, QuantizedModel, ShardedModel, OnnxModel, OnnxStages, TextData, TaskData)


def _wrong(found: Any) -> str | None:
    fits = isinstance(found, type) and issubclass(found, Artifact) and found is not Artifact
    return None if fits else "no subclass of `Artifact`"


def _contract(kind: type[Artifact]) -> Iterator[str]:
    if not kind.layouts or not all(isinstance(one, Layout) for one in kind.layouts):
        yield "has no `layouts`: which files its folders have"


KINDS: Registry[type[Artifact]] = Registry(
    "artifact kind",
    ENTRY_POINT_GROUP,
    lambda: {cls.kind: lambda cls=cls: cls for cls in _BUILT_IN},  # type: ignore[misc]
    _wrong,
    lambda cls: cls.kind,
    _contract,
)
