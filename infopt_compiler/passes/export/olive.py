"""Reads the integer weights of a QuantizedModel folder; numpy only, one matrix at a time.

The layout is the one that the onnxruntime-genai builder calls `olive` (its `loaders/olive.py`): per module
`X.qweight` uint8 (outputs, inputs·bits/8), the lower bits first; `X.scales` (outputs, groups); `X.qzeros` uint8
(outputs, ceil(groups·bits/8)), packed alike, absent where all are in the middle. A weight is
(code - zero point) · scale.

The builder takes the embedding in floats only. Where it is quantized, `quantization_config.embedding` says so,
and its integers are the head's (`shared_with_head`) or those of `embedding/table.safetensors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.architectures import family_of
from infopt_compiler.artifacts.quantized import unpack

if TYPE_CHECKING:
    import numpy as np


class Embedding(Enum):
    """Where the embedding's numbers come from."""

    shared = "the head's integers"
    own = "integers of its own"
    floating = "float32"


@dataclass(frozen=True)
class IntegerMatrix:
    """`codes` uint8 (outputs, inputs), `scales` float32 and `zeros` uint8 (outputs, groups)."""

    bits: int
    group: int
    codes: np.ndarray[Any, Any]
    scales: np.ndarray[Any, Any]
    zeros: np.ndarray[Any, Any]

    def dequantized(self) -> np.ndarray[Any, Any]:
        """The float32 weights (outputs, inputs)."""
        import numpy as np

        rows, columns = self.codes.shape
        blocks = self.codes.reshape(rows, -1, self.group).astype(np.float32)
        blocks -= self.zeros[..., None].astype(np.float32)
        blocks *= self.scales[..., None]
        return blocks.reshape(rows, columns)


class QuantizedFolder:
    """A QuantizedModel folder, opened for reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        self.family = family_of(self.config)
        self._head, self._embedding = self.family.names.head, self.family.names.embedding
        self.quantization: dict[str, Any] = self.config.get("quantization_config") or {}
        self._files = self._index()

    def _index(self) -> dict[str, Path]:
        from safetensors import safe_open

        found: dict[str, Path] = {}
        table = self.folder / "embedding" / "table.safetensors"
        shards = sorted(self.folder.glob("*.safetensors")) + ([table] if table.is_file() else [])
        for file in shards:
            with safe_open(file, framework="numpy") as tensors:
                found.update(dict.fromkeys(tensors.keys(), file))
        return found

    @property
    def tied(self) -> bool:
        """Whether the model's config says that head and embedding are one table."""
        return bool(self.config.get("tie_word_embeddings", False))

    def modules(self) -> list[str]:
        """Names of the modules with integer weights."""
        return sorted(name.removesuffix(".qweight") for name in self._files if name.endswith(".qweight"))

    def has(self, tensor: str) -> bool:
        return tensor in self._files

    def tensor(self, name: str) -> np.ndarray[Any, Any]:
        from safetensors import safe_open

        with safe_open(self._files[name], framework="numpy") as tensors:
            array: np.ndarray[Any, Any] = tensors.get_tensor(name)
        return array

    def bits_and_group(self, module: str) -> tuple[int, int]:
        override = (self.quantization.get("overrides") or {}).get(module, {})
        if module == self._embedding:
            override = self.quantization.get("embedding", override)
        bits = int(override.get("bits", self.quantization["bits"]))
        return bits, int(override.get("group_size", self.quantization["group_size"]))

    def matrix(self, module: str) -> IntegerMatrix:
        """The integer weights of one module; the zero point in the middle where none is stored."""
        import numpy as np

        bits, group = self.bits_and_group(module)
        packed = self.tensor(f"{module}.qweight")
        columns = packed.shape[1] * 8 // bits
        group = columns if group <= 0 else group
        scales = self.tensor(f"{module}.scales").astype(np.float32).reshape(packed.shape[0], -1)
        if self.has(f"{module}.qzeros"):
            zeros = unpack(
                self.tensor(f"{module}.qzeros").reshape(packed.shape[0], -1), bits, scales.shape[1]
            )
        else:
            zeros = np.full(scales.shape, 1 << (bits - 1), np.uint8)
        return IntegerMatrix(bits, group, unpack(packed, bits, columns), scales, zeros)

    @property
    def embedding(self) -> Embedding:
        """Where the embedding's numbers come from; `shared` also where a tied folder stores none for it."""
        described = self.quantization.get("embedding") or {}
        if described.get("shared_with_head"):
            return Embedding.shared if self.has(f"{self._head}.qweight") else Embedding.floating
        if self.has(f"{self._embedding}.qweight"):
            return Embedding.own
        stored = self.has(f"{self._embedding}.weight")
        return Embedding.floating if stored or not self.has(f"{self._head}.qweight") else Embedding.shared

    def float_tensors(self) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
        """The tensors that are not part of an integer matrix: norms, biases, an embedding that is float."""
        parts = {f"{module}.{part}" for module in self.modules() for part in ("qweight", "scales", "qzeros")}
        if self.embedding is not Embedding.floating:
            parts.add(f"{self._embedding}.weight")  # the floats that its integers stand for
        for name in self._files:
            if name not in parts and not name.endswith(".g_idx"):
                yield name, self.tensor(name)
