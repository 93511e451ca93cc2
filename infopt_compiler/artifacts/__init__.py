"""Typed handles of models and data, their digests, and the content-addressed store."""

from infopt_compiler.artifacts.handles import (
    KINDS,
    Artifact,
    Data,
    HFModel,
    OnnxModel,
    OnnxStages,
    QuantizedModel,
    ShardedModel,
    TaskData,
    TextData,
)
from infopt_compiler.artifacts.model_spec import ModelSpec, WeightFormat
from infopt_compiler.artifacts.text import DataSpec, Document, Window

__all__ = [
    "KINDS",
    "Artifact",
    "Data",
    "DataSpec",
    "Document",
    "HFModel",
    "ModelSpec",
    "OnnxModel",
    "OnnxStages",
    "QuantizedModel",
    "ShardedModel",
    "TaskData",
    "TextData",
    "WeightFormat",
    "Window",
]
