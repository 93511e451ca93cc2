"""The folder of a QuantizedModel, read: integers and scales back to float32 weights. numpy and safetensors only.

The layout is the one that onnxruntime-genai's builder calls `olive`. For a linear `X` of R outputs and K
inputs: `X.qweight` uint8 (R, K·bits/8), the lower index in the lower bits of a byte; `X.scales` float32
(R, G); `X.qzeros` uint8 (R, ceil(G·bits/8)), absent where the grid is symmetric, whose zero point is the
middle (8 of 0..15, 128 of 0..255). A weight is ``(q - zero) * scale``. Scales may be negative.

`quantization_config` of config.json gives `bits`, `group_size` and `symmetric` for all linears, and others
for the modules in `overrides`. `embedding` describes the embedding's table: its values are stored as floats,
its integers are the head's (`shared_with_head`) or those in `embedding/table.safetensors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def dequantize_folder(folder: Path) -> Iterator[tuple[str, Array]]:
    """Names and float32 arrays of the weights that the folder stands for, as in the unquantized state dict.

    One matrix is in memory at a time, beside the stored integers. A head that was quantized is given as
    `lm_head.weight`, also where it shares the embedding's table; a tied float head is not given.
    """
    from safetensors import safe_open

    config = json.loads((folder / "config.json").read_text("utf-8"))["quantization_config"]
    for shard in sorted(folder.glob("*.safetensors")):
        with safe_open(shard, "numpy") as tensors:
            for name in sorted(tensors.keys()):
                module, _, leaf = name.rpartition(".")
                if leaf == "qweight":
                    yield f"{module}.weight", _matrix(tensors, module, _described(config, module))
                elif leaf not in ("scales", "qzeros"):
                    yield name, tensors.get_tensor(name).astype("float32", copy=False)


def _described(config: dict[str, Any], module: str) -> dict[str, Any]:
    described: dict[str, Any] = {**config, **config.get("overrides", {}).get(module, {})}
    return described


def _matrix(tensors: Any, module: str, described: dict[str, Any]) -> Array:
    """Float32 (R, K) of one module."""
    import numpy as np

    bits, group = described["bits"], described["group_size"]
    scales = tensors.get_tensor(f"{module}.scales").astype(np.float32, copy=False)
    rows, groups = scales.shape
    values = unpack(tensors.get_tensor(f"{module}.qweight"), bits, groups * group).astype(np.float32)
    zeros: Any = np.float32(1 << (bits - 1))
    if not described["symmetric"]:
        zeros = unpack(tensors.get_tensor(f"{module}.qzeros"), bits, groups).astype(np.float32)[:, :, None]
    blocks = values.reshape(rows, groups, group)
    blocks -= zeros
    blocks *= scales[:, :, None]
    return values


def unpack(packed: Array, bits: int, columns: int) -> Array:
    """Rows of packed bytes to uint8 (R, columns); what fills up the last byte of a row is dropped."""
    import numpy as np

    if bits == 8:
        return packed[:, :columns]
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    values = (packed[:, :, None] >> shifts) & np.uint8((1 << bits) - 1)
    return values.reshape(len(packed), -1)[:, :columns]
