"""Where models and texts come from: `hf:`, `pypi:`, `file:`, `python:`, `lm-eval:`."""

from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.reference import (
    DATA_SCHEMES,
    MODEL_SCHEMES,
    is_config,
    is_task,
    parse_data_source,
    parse_model_source,
)

__all__ = [
    "DATA_SCHEMES",
    "MODEL_SCHEMES",
    "SourceError",
    "is_config",
    "is_task",
    "parse_data_source",
    "parse_model_source",
]
