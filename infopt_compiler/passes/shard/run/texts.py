"""From text to tokens and back, by the tokenizer that lies beside the shards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Texts:
    """The model's own tokenizer, chat template and end tokens."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self.stop = _end_tokens(folder)

    def chat(self, prompt: str) -> str | None:
        """The prompt as a user's message in the chat template; None without a template."""
        if not self._tokenizer.chat_template:
            return None
        messages = [{"role": "user", "content": prompt}]
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def prompt(self, text: str, *, raw: bool) -> list[int]:
        """Ids of a prompt, in the chat template unless `raw` or where there is none."""
        return self.encode(text if raw else self.chat(text) or text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Up to the first end token."""
        end = next((k for k, token in enumerate(tokens) if token in self.stop), len(tokens))
        return str(self._tokenizer.decode(tokens[:end], skip_special_tokens=True))


def _end_tokens(folder: Path) -> tuple[int, ...]:
    found: list[Any] = []
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        told = json.loads(path.read_text("utf-8")).get("eos_token_id") if path.is_file() else None
        found += told if isinstance(told, list) else [told]
    return tuple(sorted({token for token in found if isinstance(token, int)}))
