"""Rounding an encoder: int8 weights with one scale for each output channel, what a product of integers takes.

Source: Q8BERT, arXiv 1910.06188, section 2 (symmetric, linear); activations are quantized as they come, by the runtime.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.quantize.folder import COMPANIONS, save_shard

_LARGEST = 127  # of symmetric int8: -128 is left out
_MIDDLE = 128  # the zero point of the stored uint8


def quantize_encoder(source: Path, folder: Path, *, words: bool) -> dict[str, Any]:
    """Write the quantized folder of the encoder in `source`; facts. `words`: the table of words, too. Raises CannotWrite."""
    spec = ModelSpec.from_folder(source)
    state = load_file(source / "model.safetensors")
    names = spec.family.names
    modules = [names.layer(k) + name for k in range(spec.layers) for name in spec.linear_shapes()]
    modules += [names.embedding] if words else []
    prefix = names.optional_prefix if f"{names.optional_prefix}{names.embedding}.weight" in state else ""
    written: dict[str, Tensor] = {}
    error = 0.0
    for name, tensor in state.items():
        module, _, leaf = name.removeprefix(prefix).rpartition(".")
        if leaf == "weight" and module in modules:
            levels, scales = round_rows(tensor.float())
            written |= {f"{module}.qweight": levels, f"{module}.scales": scales}
            error = max(error, _relative_error(tensor.float(), levels, scales))
        elif not names.plain(name).startswith(names.unread):  # no embedding passes through it
            written[f"{module}.{leaf}"] = tensor
    save_shard(folder / "model.safetensors", written)
    _finish(source, folder, {m: state[f"{prefix}{m}.weight"].shape[1] for m in modules})
    return {"matrices": len(modules), "largest_relative_error": error}


def round_rows(weight_RK: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 levels (R, K) around 128 and float32 scales (R, 1), each row's largest weight at the edge."""
    scales = weight_RK.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / _LARGEST
    levels = (weight_RK / scales).round().clamp(-_LARGEST, _LARGEST) + _MIDDLE
    return levels.to(torch.uint8), scales


def _relative_error(weight: Tensor, levels: Tensor, scales: Tensor) -> float:
    restored = (levels.float() - _MIDDLE) * scales
    return float((restored - weight).norm() / weight.norm().clamp(min=1e-12))


def _finish(source: Path, folder: Path, widths: dict[str, int]) -> None:
    for pattern in (*COMPANIONS, "modules.json", "sentence_bert_config.json", "*_Pooling/config.json"):
        for file in sorted(source.glob(pattern)):
            place = folder / file.relative_to(source)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, place)
    config = json.loads((source / "config.json").read_text("utf-8"))
    overrides = {module: {"group_size": width} for module, width in widths.items()}
    described = {
        "quant_method": "olive",
        "bits": 8,
        "group_size": 0,
        "symmetric": True,
        "overrides": overrides,
    }
    config |= {"quantization_config": described, "dtype": "float32"}
    config.pop("torch_dtype", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
