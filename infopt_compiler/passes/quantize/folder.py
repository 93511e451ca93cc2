"""The folder of a quantized model: what is written; `infopt_compiler.artifacts.quantized` reads it back.

It is a Hugging Face folder whose `config.json` has a `quantization_config` in the `olive` manner: `bits`,
`group_size` and `symmetric` for the decoder's linears, `overrides` by module (the head), and `embedding`
where the table of the embedding is quantized. The builder reads the embedding in floats, so these are the
dequantized values; its integers are in `embedding/table.safetensors`, unless it shares the head's.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from infopt_compiler.architectures import family_of

from .errors import CannotWrite
from .grid import Grid

INDEX = "model.safetensors.index.json"
TABLE = Path("embedding") / "table.safetensors"
COMPANIONS = (
    "generation_config.json",
    "chat_template.*",
    "token*",
    "special_tokens*",
    "vocab*",
    "merges*",
    "added*",
)


@dataclass(frozen=True)
class Formats:
    """The lattices of the decoder's linears, the head and the embedding; None: kept in floats."""

    linear: Grid
    head: Grid | None
    embedding: Grid | None
    tied: bool

    @property
    def shared(self) -> bool:
        """One table serves as head and as embedding."""
        return self.tied and self.head == self.embedding


def save_shard(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a shard whole or not at all; its presence means that it is finished. Raises CannotWrite."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, {"format": "pt"})
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise CannotWrite(f"cannot write `{path.name}`: {error}", help="is the disk full?") from error


def load_shard(path: Path) -> dict[str, Tensor]:
    """All tensors of a shard."""
    with safe_open(path, "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def quantization_config(formats: Formats, head: str) -> dict[str, Any]:
    """What `config.json` says of the quantization; `head`: the module's name."""
    config = {"quant_method": "olive", **_describe(formats.linear), "overrides": {}}
    if formats.head is not None:
        config["overrides"] = {head: _describe(formats.head)}
    if formats.embedding is not None:
        config["embedding"] = {**_describe(formats.embedding), "shared_with_head": formats.shared}
    return config


def _describe(grid: Grid) -> dict[str, Any]:
    described = asdict(grid)
    described["group_size"] = described.pop("group")
    return described


def finish_folder(source: Path, folder: Path, formats: Formats) -> None:
    """Write config.json and the index, and copy the tokenizer's and generation's files of the source."""
    for pattern in COMPANIONS:
        for file in sorted(source.glob(pattern)):
            shutil.copyfile(file, folder / file.name)
    config = json.loads((source / "config.json").read_text("utf-8"))
    config["quantization_config"] = quantization_config(formats, family_of(config).names.head)
    config["tie_word_embeddings"] = formats.shared
    config.pop("torch_dtype", None)
    config["dtype"] = "float32"  # of scales, norms and biases, whatever the source's floats were
    _write_json(folder / INDEX, _index(folder))
    _write_json(folder / "config.json", config)


def _index(folder: Path) -> dict[str, Any]:
    weight_map: dict[str, str] = {}
    size = 0
    for shard in sorted(folder.glob("*.safetensors")):
        weight_map.update(dict.fromkeys(_names(shard), shard.name))
        size += shard.stat().st_size
    return {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}


def _names(shard: Path) -> list[str]:
    with safe_open(shard, "pt") as opened:
        return list(opened.keys())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
