"""An encoder as an artifact that plain onnxruntime runs: text in, one vector out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.pooling import Pooling, read_pooling, write_pooling
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.encoder_graph import encoder_graph
from infopt_compiler.passes.export.encoder_weights import FolderWeights

_COMPANIONS = ("tokenizer*", "vocab*", "special_tokens_map.json", "config.json")


def build_encoder(source: Path, artifact: Path) -> dict[str, Any]:
    """Write the artifact of a Hugging Face or QuantizedModel folder, unverified; facts. Raises PassError."""
    weights = FolderWeights(source)
    pooling = pooling_of(source)
    _check_shape(weights.config)
    model = encoder_graph(weights.config, weights, pooling.mode, pooling.normalize)
    (artifact / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    for pattern in _COMPANIONS:
        for file in sorted(source.glob(pattern)):
            shutil.copyfile(file, artifact / file.name)
    if not (artifact / "tokenizer.json").is_file():
        _write_tokenizer(source, artifact)
    write_pooling(artifact, pooling)
    return {"pooling": pooling.mode, "normalized": pooling.normalize, "nodes": len(model.graph.node)}


def pooling_of(source: Path) -> Pooling:
    """PassError where the folder asks for a pooling that is not known."""
    try:
        return read_pooling(source)
    except (ValueError, TypeError) as wrong:
        raise PassError(f"the encoder {wrong}", code="E0739") from wrong


def _check_shape(config: dict[str, Any]) -> None:
    """What BERT's descendants changed, and this graph does not know."""
    for key, known in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(key, known) != known:
            raise PassError(f"export cannot write an encoder with {key} = {config[key]}", code="E0739")


def _write_tokenizer(source: Path, artifact: Path) -> None:
    from transformers import AutoTokenizer

    try:
        AutoTokenizer.from_pretrained(source).save_pretrained(artifact)
    except (OSError, ValueError, KeyError) as failure:
        raise PassError(f"the source's tokenizer cannot be read: {failure}", code="E0734") from failure
