"""Embedding by transformers in fp32: how a Hugging Face encoder that was not exported runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from infopt_compiler.artifacts.pooling import read_pooling
from infopt_compiler.runtimes.onnxruntime.serve import batch, open_tokenizer


class TorchEncoderServer:
    """The model, its pooling and its normalisation, as sentence-transformers runs them."""

    def __init__(self, folder: Path, model: Any = None) -> None:
        loaded = model or transformers.AutoModel.from_pretrained(folder, dtype=torch.float32)
        self._model = loaded.eval()
        self._tokenizer = open_tokenizer(folder)
        self._pooling = read_pooling(folder)

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text).ids)

    def tokenize(self, texts: list[str]) -> dict[str, Any]:
        return batch(self._tokenizer, texts)

    def forward(self, inputs: dict[str, Any]) -> Any:
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
            hidden = self._model(**tensors).last_hidden_state
            return self._pool(hidden, tensors["attention_mask"]).numpy()

    def _pool(self, hidden_BLH: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        if self._pooling.mode == "cls":
            pooled = hidden_BLH[:, 0]
        else:
            weight = mask_BL[:, :, None].to(hidden_BLH.dtype)
            pooled = (hidden_BLH * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, dim=-1) if self._pooling.normalize else pooled

    def environment(self) -> dict[str, Any]:
        return {
            "runtime": "transformers",
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "session_options": {"threads": torch.get_num_threads(), "dtype": "float32"},
        }
