"""Serving by onnxruntime-genai: settings come from the artifact's genai_config.json and from nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as og


class GenaiServer:
    """Greedy streaming, a generator and a text stream for each request, as in the runtime's own examples."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._model = og.Model(str(folder))
        self._tokenizer = og.Tokenizer(self._model)

    def chat(self, text: str) -> str | None:
        messages = json.dumps([{"role": "user", "content": text}])
        try:
            return str(self._tokenizer.apply_chat_template(messages=messages, add_generation_prompt=True))
        except RuntimeError:  # the tokenizer has no chat template
            return None

    def encode(self, text: str) -> list[int]:
        return [int(token) for token in self._tokenizer.encode(text)]

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """End tokens are kept from winning by the runtime's own `min_length` (their logit is lowered until then)."""
        params = og.GeneratorParams(self._model)
        params.set_search_options(
            max_length=max_length,
            min_length=len(ids) + tokens,
            do_sample=False,
            num_beams=1,
            batch_size=batch,
        )
        generator = og.Generator(self._model, params)
        streams = [self._tokenizer.create_stream() for _ in range(batch)]
        generator.append_tokens(np.array([ids] * batch if batch > 1 else ids, dtype=np.int32))
        for _ in range(tokens):
            if generator.is_done():
                raise RuntimeError("the runtime ended the request before the scenario's output length")
            generator.generate_next_token()
            for stream, token in zip(streams, generator.get_next_tokens(), strict=True):
                stream.decode(token)
            yield

    def environment(self) -> dict[str, Any]:
        config = json.loads((self._folder / "genai_config.json").read_text("utf-8"))
        return {
            "runtime": "onnxruntime-genai",
            "versions": {"onnxruntime-genai": og.__version__},
            "session_options": config["model"]["decoder"].get("session_options", {}),
            "decoding": "greedy; end tokens suppressed by min_length",
        }
