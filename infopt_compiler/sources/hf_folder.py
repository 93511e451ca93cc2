"""A Hugging Face folder as the handles want it: one float32 model.safetensors, and the files of the tokenizer."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.plugins import BadPlugin
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.gguf_model import write_plain
from infopt_compiler.sources.progress import Tell, copy_file
from infopt_compiler.sources.tensors import write_float32

SIDE_FILES = (
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "chat_template*",
    "modules.json",
    "sentence_bert_config.json",
    "*_Pooling/config.json",
)
"""What is kept beside the configuration and the weights, but for what could run: see `is_side_file`."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_PLAIN_SUFFIXES = (".json", ".txt", ".jinja", ".model", ".jsonl")


def is_side_file(name: str) -> bool:
    """Whether a file (relative name) is kept; code (`tokenizer.py`) and pickles (`vocab.pkl`) never are."""
    return Path(name).suffix in _PLAIN_SUFFIXES and any(fnmatch(name, pattern) for pattern in SIDE_FILES)


def is_model_file(name: str) -> bool:
    """Whether an import reads a file (relative name): what enters the key of a `file:` model."""
    weights = name.endswith(".safetensors") and "/" not in name
    return weights or name in ("config.json", "model.safetensors.index.json") or is_side_file(name)


def import_hf_folder(source: Path, folder: Path, tell: Tell) -> dict[str, Any]:
    """Write the model of `source` into `folder`; gives facts. SourceError E0605, E0606, E0612."""
    config = read_config(source)
    shards = _shards(source)
    types = write_float32(shards, folder / "model.safetensors", tell)
    for key in ("torch_dtype", "auto_map"):  # the latter names code, which is not kept
        config.pop(key, None)
    write_plain(folder / "config.json", {**config, "dtype": "float32"})
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_file() and is_side_file(name):
            copy_file(path, folder / name)
    if not any(
        (folder / name).exists() for name in ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json")
    ):
        raise SourceError(
            "E0606", f"`{source.name}` holds no tokenizer", "a model needs its tokenizer.json beside it"
        )
    return {"format": "huggingface", "architecture": _architecture(config), "weight_types": types}


def read_config(source: Path) -> dict[str, Any]:
    """config.json of a model that passes can start from; SourceError E0606 or E0612 otherwise."""
    path = source / "config.json"
    if not path.is_file():
        raise SourceError("E0606", f"`{source.name}` is no model: it has no config.json", _nearby(source))
    try:
        config = json.loads(path.read_text("utf-8"))
        ModelSpec.from_config(config)
    except BadPlugin as wrong:
        raise SourceError("E0606", f"`{source.name}` cannot be read: {wrong}") from wrong
    except (ValueError, TypeError, AttributeError) as wrong:
        raise SourceError(
            "E0606", f"`{source.name}` is no model: its config.json is damaged ({wrong})"
        ) from wrong
    except KeyError as missing:
        raise SourceError(
            "E0606", f"`{source.name}`: config.json says no {missing}, so it is no transformer"
        ) from missing
    if "quantization_config" in config:
        method = config["quantization_config"].get("quant_method", "quantized")
        raise SourceError(
            "E0612", f"`{source.name}` is quantized already ({method})", "take the float checkpoint"
        )
    assert isinstance(config, dict)
    return config


def _shards(source: Path) -> list[Path]:
    index = source / "model.safetensors.index.json"
    if index.is_file():
        names = _shard_names(index)
        if lost := [name for name in names if not (source / name).is_file()]:
            raise SourceError(
                "E0605", f"`{source.name}` is not whole: `{lost[0]}` is missing", "fetch it again"
            )
        return [source / name for name in names]
    if (source / "model.safetensors").is_file():
        return [source / "model.safetensors"]
    found = sorted(source.glob("*.safetensors"))
    if len(found) == 1:
        return found
    pickled = any(path for pattern in _PICKLES for path in source.glob(pattern))
    hint = "its weights are pickles, which run code when they are read; convert them" if pickled else None
    raise SourceError("E0606", f"`{source.name}` holds no model.safetensors", hint)


def _shard_names(index: Path) -> list[str]:
    """The files that an index names; they lie beside it."""
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        escaping = [name for name in names if Path(name).name != name]
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise SourceError("E0606", f"{index.name} is damaged: {wrong}", "fetch it again") from wrong
    if escaping:
        raise SourceError("E0606", f"{index.name} names `{escaping[0]}`, which is not beside it")
    return names


def _architecture(config: dict[str, Any]) -> str:
    return str((config.get("architectures") or [config.get("model_type", "unknown")])[0])


def _nearby(source: Path) -> str | None:
    below = sorted(path.parent.relative_to(source).as_posix() for path in source.glob("*/config.json"))
    guns = sorted(path.name for path in source.glob("*.gguf"))
    found = below or guns
    return f"there is `{found[0]}` inside it" if found else None
