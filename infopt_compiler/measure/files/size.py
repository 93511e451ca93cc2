"""What the files of an artifact show without running them."""

from __future__ import annotations

from infopt_compiler.artifacts import Artifact, ModelSpec
from infopt_compiler.budget import Interval

_WEIGHT_FILES = (".safetensors", ".onnx", ".data", ".bin", ".gguf")


def weight_file_bytes(artifact: Artifact) -> int:
    """Bytes of the files that hold weights; tokenizer and configuration apart. A graph of some kB counts."""
    files = (file for file in artifact.path.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files if file.suffix in _WEIGHT_FILES)


def bits_per_weight(artifact: Artifact, spec: ModelSpec | None) -> Interval:
    """Bytes of the weight files x 8 / parameters: scales, zero points and embeddings are in them."""
    if spec is None:
        return Interval.unknown("`bits_per_weight` needs the model's shapes")
    return Interval.exact(
        weight_file_bytes(artifact) * 8 / spec.parameters, "bytes of weight files x 8 / parameters"
    )
