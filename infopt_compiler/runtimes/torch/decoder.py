"""Serving by transformers in fp32: how a Hugging Face folder that was not exported runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers


class TransformersServer:
    """A greedy loop over the model with its key-value cache; `generate()` itself gives no time of its tokens."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self._model.eval()

    def chat(self, text: str) -> str | None:
        if not self._tokenizer.chat_template:
            return None
        messages = [{"role": "user", "content": text}]
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """The loop has no end token: it runs for `tokens` steps. `max_length` reserves nothing here."""
        step, cache = torch.tensor([ids] * batch), None
        for _ in range(tokens):
            with torch.inference_mode():
                out = self._model(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, step = out.past_key_values, out.logits[:, -1:].argmax(-1)
            self._tokenizer.decode(step[0])
            yield

    def environment(self) -> dict[str, Any]:
        return {
            "runtime": "transformers",
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "session_options": {"threads": torch.get_num_threads(), "dtype": "float32"},
            "decoding": "greedy; no end token",
        }
