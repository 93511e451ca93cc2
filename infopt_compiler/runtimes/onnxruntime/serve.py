"""Embedding by plain onnxruntime: model.onnx and the tokenizer beside it, settings as the library has them but for those
that `tune` left in the artifact's `infopt.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import tokenizers
from tokenizers import Tokenizer

from infopt_compiler.artifacts.model_spec import NOTE


class EncoderServer:
    """All texts of a call in one batch, padded to the longest of them and cut to the model's context."""

    def __init__(self, folder: Path) -> None:
        self._tuned = tuned_options(folder)
        self._session = ort.InferenceSession(
            str(folder / "model.onnx"), session_options(self._tuned), providers=["CPUExecutionProvider"]
        )
        self._names = [one.name for one in self._session.get_inputs()]
        self._tokenizer = open_tokenizer(folder)

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text).ids)

    def tokenize(self, texts: list[str]) -> dict[str, Any]:
        return {name: value for name, value in batch(self._tokenizer, texts).items() if name in self._names}

    def forward(self, inputs: dict[str, Any]) -> Any:
        return self._session.run(None, inputs)[0]

    def environment(self) -> dict[str, Any]:
        threads = self._session.get_session_options().intra_op_num_threads
        return {
            "runtime": "onnxruntime",
            "versions": {"onnxruntime": ort.__version__, "tokenizers": tokenizers.__version__},
            "session_options": {**self._tuned, "intra_op_num_threads": threads or "one for each core"},
        }


def tuned_options(folder: Path) -> dict[str, Any]:
    """What `tune` chose for the artifact, in onnxruntime's own words; nothing where it did not."""
    path = folder / NOTE
    note = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return dict((note.get("tune") or {}).get("session_options") or {})


def session_options(tuned: dict[str, Any]) -> ort.SessionOptions:
    """The library's options with those of `tuned` set."""
    options = ort.SessionOptions()
    if "intra_op_num_threads" in tuned:
        options.intra_op_num_threads = tuned["intra_op_num_threads"]
    if "graph_optimization_level" in tuned:
        options.graph_optimization_level = getattr(
            ort.GraphOptimizationLevel, tuned["graph_optimization_level"]
        )
    for name, value in tuned.get("config", {}).items():
        options.add_session_config_entry(name, value)
    return options


def open_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer, cut at the model's context, padding each batch to its longest text."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    tokenizer.enable_truncation(config["max_position_embeddings"])
    tokenizer.enable_padding(pad_id=config.get("pad_token_id") or 0)
    return tokenizer


def batch(tokenizer: Tokenizer, texts: list[str]) -> dict[str, Any]:
    """The inputs of a BERT model: int64 arrays of (texts, longest text)."""
    rows = tokenizer.encode_batch(texts)
    columns = {
        "input_ids": [row.ids for row in rows],
        "attention_mask": [row.attention_mask for row in rows],
        "token_type_ids": [row.type_ids for row in rows],
    }
    return {name: np.array(values, dtype=np.int64) for name, values in columns.items()}
