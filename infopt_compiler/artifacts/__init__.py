"""Typed handles of models and data, their digests, and the content-addressed store."""

from infopt_compiler.artifacts.handles import (
    KINDS,
    Artifact,
    HFModel,
    OnnxModel,
    QuantizedModel,
    ShardedModel,
    TextData,
)
from infopt_compiler.artifacts.model_spec import ModelSpec, WeightFormat
from infopt_compiler.artifacts.text import DataSpec, Document, Window

__all__ = [
    "KINDS",
    "Artifact",
    "DataSpec",
    "Document",
    "HFModel",
    "ModelSpec",
    "OnnxModel",
    "QuantizedModel",
    "ShardedModel",
    "TextData",
    "WeightFormat",
    "Window",
]
