"""An exported encoder against torch: its float graph gives torch's vectors, its integers are the source's, its ids too."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from infopt_compiler.architectures import find_family
from infopt_compiler.artifacts.pooling import read_pooling
from infopt_compiler.artifacts.quantized import dequantize_folder
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.encoder_graph import encoder_graph
from infopt_compiler.passes.export.encoder_weights import FolderWeights
from infopt_compiler.runtimes.onnxruntime.serve import EncoderServer
from infopt_compiler.runtimes.torch.encoder import TorchEncoderServer

TOLERANCE = 1e-4  # of a component of a vector, float graph against torch
LEAST_COSINE = (
    0.95  # of a vector computed in integers with the same weights in floats: below, something is broken
)
SHAPES = ((1, 3), (1, 65), (1, 256), (32, 3), (32, 64), (32, 256))  # (batch, longest text in tokens)

Inputs = dict[str, "np.ndarray[Any, Any]"]


def verify_encoder(artifact: Path, source: Path) -> dict[str, Any]:
    """Facts for the report; raises PassError at the first thing that is not as it should be."""
    weights = FolderWeights(source, floats=True)
    reference = TorchEncoderServer(source, _torch_model(source) if weights.quantized else None)
    server = EncoderServer(artifact)
    facts: dict[str, Any] = {"texts_compared": _compare_ids(server, source, _longest(weights.config))}
    shapes = [shape for shape in SHAPES if shape[1] <= _longest(weights.config)]
    batches = [_batch(weights.config, *shape, padded) for shape in shapes for padded in _paddings(shape[0])]
    expected = [reference.forward(inputs) for inputs in batches]
    exact = _float_server(artifact, source, weights) if weights.quantized else server
    facts["max_difference"] = _compare_floats(exact, batches, expected)
    if weights.quantized:
        facts["integers_compared"] = _compare_integers(artifact, source)
        facts["cosine_to_floats"] = _compare_cosine(server, batches, expected)
    return facts


def _longest(config: dict[str, Any]) -> int:
    return int(config["max_position_embeddings"])


def _paddings(rows: int) -> tuple[bool, ...]:
    """Texts of one length go another way through the graph than padded ones."""
    return (False, True) if rows > 1 else (False,)


def _batch(config: dict[str, Any], rows: int, length: int, padded: bool) -> Inputs:
    """Random ids; if `padded` every row but the first has its own length, the rest of it is padding."""
    rng = np.random.default_rng(length)
    ids = rng.integers(0, config["vocab_size"], (rows, length))
    others = rng.integers(1, length + 1, rows - 1) if padded else np.full(rows - 1, length)
    lengths = np.concatenate([[length], others])
    mask = (np.arange(length)[None, :] < lengths[:, None]).astype(np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def _torch_model(source: Path) -> Any:
    """The quantized weights in floats, in torch."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(source)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = transformers.AutoModel.from_config(config, dtype=torch.float32)
    state = {name: torch.from_numpy(value.copy()) for name, value in dequantize_folder(source)}
    unread = find_family(config.model_type).names.unread
    missing = model.load_state_dict(state, strict=False).missing_keys
    if lost := [name for name in missing if not name.startswith(unread) and "position_ids" not in name]:
        raise PassError(f"the quantized folder holds no `{lost[0]}`", code="E0734")
    return model


def _float_server(artifact: Path, source: Path, weights: FolderWeights) -> EncoderServer:
    """The same graph with the same weights in floats: what is left of a difference is the graph's."""
    pooling = read_pooling(source)
    with tempfile.TemporaryDirectory(dir=artifact.parent) as name:
        folder = Path(name)
        model = encoder_graph(weights.config, weights, pooling.mode, pooling.normalize)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        for one in ("tokenizer.json", "config.json"):
            (folder / one).write_bytes((artifact / one).read_bytes())
        return EncoderServer(folder)


def _compare_floats(server: EncoderServer, batches: list[Inputs], expected: list[Any]) -> float:
    found = [server.forward(inputs) for inputs in batches]
    worst = max(float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True))
    if not worst <= TOLERANCE:
        raise PassError(
            f"the exported encoder differs from torch by {worst:.2g}, {TOLERANCE:g} is allowed", code="E0733"
        )
    return worst


def _compare_cosine(server: EncoderServer, batches: list[Inputs], expected: list[Any]) -> float:
    """The mean cosine of vectors computed in integers with those of the same weights in floats."""
    cosines = [
        (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
        for a, b in zip((server.forward(inputs) for inputs in batches), expected, strict=True)
    ]
    mean = float(np.concatenate(cosines).mean())
    if not mean >= LEAST_COSINE:
        message = f"computed in integers, vectors have a cosine of {mean:.3f} with those in floats"
        raise PassError(message, code="E0733", help=f"at least {LEAST_COSINE} is expected of 8 bits")
    return mean


def _compare_integers(artifact: Path, source: Path) -> int:
    """Every integer of the graph is the folder's; how many."""
    graph = onnx.load(artifact / "model.onnx").graph
    weights, count = FolderWeights(source), 0
    table = weights.family.names.embedding
    for initializer in graph.initializer:
        module, _, leaf = initializer.name.rpartition(".")
        if leaf != "weight_int8":
            continue
        found: Any = weights.table(module) if module == table else weights.matrix(module)
        if not np.array_equal(numpy_helper.to_array(initializer), found.values):
            raise PassError(f"the integers of `{module}` are not the quantized model's", code="E0732")
        count += found.values.size
    return count


def _compare_ids(server: EncoderServer, source: Path, longest: int) -> int:
    """The artifact's tokenizer gives transformers' ids; how many texts were compared."""
    import pydoc_data.topics

    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(source)
    texts = [text[:1000] for text in pydoc_data.topics.topics.values()] + [
        "",
        "naïve café 你好 🙂",
        " a\n\tb ",
    ]
    for text in texts:
        if server.encode(text) != list(reference(text, truncation=True, max_length=longest).input_ids):
            raise PassError(f"the artifact's tokenizer gives other ids for {text[:40]!r}", code="E0734")
    return len(texts)
