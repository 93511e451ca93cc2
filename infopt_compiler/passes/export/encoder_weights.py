"""The weights of an encoder's folder as its graph takes them: float32, or the very integers of a quantized one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.architectures import Family, family_of
from infopt_compiler.passes.export.encoder_nodes import Int8

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_MIDDLE = 128  # the zero point of the stored uint8


class FolderWeights:
    """Reads a Hugging Face or QuantizedModel folder. `floats`: integers are given as the weights that they stand for."""

    def __init__(self, folder: Path, *, floats: bool = False) -> None:
        from safetensors.numpy import load_file

        state = load_file(folder / "model.safetensors")
        self._floats = floats
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        self.family: Family = family_of(self.config)
        self._state = {self.family.names.plain(name): value for name, value in state.items()}

    @property
    def quantized(self) -> bool:
        return "quantization_config" in self.config

    def vector(self, name: str) -> Array:
        found: Array = self._state[name].astype("float32", copy=False)
        return found

    def matrix(self, module: str) -> Array | Int8:
        found = self.table(module)
        return Int8(found.values.T, found.scales) if isinstance(found, Int8) else found.T

    def table(self, module: str) -> Array | Int8:
        import numpy as np

        levels = self._state.get(f"{module}.qweight")
        if levels is None:
            return self.vector(f"{module}.weight")
        values = (levels.astype(np.int16) - _MIDDLE).astype(np.int8)
        scales = self._state[f"{module}.scales"].reshape(-1)
        if self._floats:
            restored: Array = values.astype(np.float32) * scales[:, None]
            return restored
        return Int8(values, scales)
