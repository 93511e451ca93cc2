"""A GGUF file as a Hugging Face folder with float32 weights.

transformers' reader gives configuration and tensors; its `from_pretrained(gguf_file=…)` is not used: it asks for
accelerate, and then refuses to save what it read. The tokenizer is made from the file's own fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from infopt_compiler.architectures import find_family
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.gguf_header import GgufHeader, read_gguf_header
from infopt_compiler.sources.gguf_tokenizer import GgufTokenizerError, GgufVocabulary, write_tokenizer
from infopt_compiler.sources.progress import Tell


def import_gguf(path: Path, folder: Path, tell: Tell) -> dict[str, Any]:
    """Write config.json, generation_config.json, model.safetensors and the tokenizer; gives facts for the report.

    Raises SourceError E0605 (cut short), E0606 (no GGUF), E0613 (architecture or tokenizer not supported).
    """
    with path.open("rb") as file:
        header = read_gguf_header(file)
    with parsed_once():
        return _import(path, folder, header, tell)


@contextmanager
def parsed_once() -> Iterator[None]:
    """The `gguf` package parses a header (a field for each of a vocabulary's entries) and builds its table of tensor names anew
    for everyone who asks, transformers once for each module of the model: half of the time of an import."""
    import gguf

    kept = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    try:
        for name, function in kept.items():
            setattr(gguf, name, cache(function))
        yield
    finally:
        for name, function in kept.items():
            setattr(gguf, name, function)


def _import(path: Path, folder: Path, header: GgufHeader, tell: Tell) -> dict[str, Any]:
    tell(0, 3, "reading the tokenizer")
    try:
        vocabulary = write_tokenizer(path, folder)
    except GgufTokenizerError as wrong:
        raise SourceError("E0613", f"the tokenizer of {path.name} cannot be imported: {wrong}") from wrong
    except (ValueError, IndexError) as wrong:  # gguf maps tensors by the header's offsets
        raise SourceError(
            "E0605", f"{path.name} is cut short or damaged: {wrong}", "fetch it again"
        ) from wrong
    tell(1, 3, f"dequantizing {header.weight_type} weights")
    config = _write_weights(path, folder, header)
    tell(2, 3, "writing the configuration")
    _write_config(folder, config, vocabulary)
    return {
        "format": "gguf",
        "architecture": config["architectures"][0],
        "quantized_as": header.weight_type,
        "note": f"the weights come from {header.weight_type} blocks: the reference itself is a quantized model",
    }


def _write_weights(path: Path, folder: Path, header: GgufHeader) -> dict[str, Any]:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    try:
        config = AutoConfig.for_model(**load_gguf_checkpoint(str(path))["config"])
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        tensors = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
    except (ValueError, KeyError, TypeError, NotImplementedError) as wrong:
        raise SourceError(
            "E0613",
            f"{path.name} ({header.architecture}) cannot be imported: {wrong}",
            "take its safetensors",
        ) from wrong
    head = f"{find_family(config.model_type).names.head}.weight"
    missing = set(model.state_dict()) - set(tensors) - ({head} if config.tie_word_embeddings else set())
    if missing:
        raise SourceError("E0613", f"{path.name} lacks {len(missing)} tensors, such as `{min(missing)}`")
    floats = {name: tensor.to(torch.float32).contiguous() for name, tensor in sorted(tensors.items())}
    save_file(floats, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config.architectures = [type(model).__name__]
    plain: dict[str, Any] = config.to_dict()
    return plain


def _write_config(folder: Path, config: dict[str, Any], vocabulary: GgufVocabulary) -> None:
    ids = {
        "bos_token_id": vocabulary.bos_id,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
    }
    ids = {name: value for name, value in ids.items() if value is not None}
    dropped = ("_model_name_or_path", "name_or_path", "quantization_config", "torch_dtype")
    kept = {key: value for key, value in config.items() if key not in dropped}
    write_plain(folder / "config.json", {**kept, **ids, "dtype": "float32"})
    write_plain(folder / "generation_config.json", {"_from_model_config": True, **ids})


def write_plain(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
