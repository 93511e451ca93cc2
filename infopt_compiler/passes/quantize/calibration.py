"""Calibration text to windows of token ids, with the model's own tokenizer.

A chat model serves conversations: its first tokens are those of the chat template, and attention rests on them. Prose
alone leaves these activations out of the Hessians, so every second window is framed as a conversation.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infopt_compiler.artifacts import TextData
from infopt_compiler.artifacts.text import read_documents, read_spec, windows

from .errors import BadModel, NoCalibration

_ROLES = ("user", "assistant", "user", "assistant")


def calibration_windows(model: Path, data: TextData, *, chat_template: bool = False) -> Tensor:
    """Token ids (windows, tokens). Raises NoCalibration where the text is shorter than one window.

    `chat_template` frames every second window as a conversation, where the model has a template.
    """
    from tokenizers import Tokenizer

    file = model / "tokenizer.json"
    if not file.is_file():
        raise BadModel("the model has no `tokenizer.json`", help="gptq needs the tokenizer to read its text")
    tokenizer = Tokenizer.from_file(str(file))

    def encode(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    spec = read_spec(data)
    cut = windows(read_documents(data), spec, encode)
    if not cut:
        raise NoCalibration(
            f"the calibration text is shorter than one window of {spec.window} tokens",
            help="give more text, or a smaller `window`",
        )
    ids = [list(window.ids) for window in cut]
    if chat_template:
        framed = _conversations(model, [window.text for window in cut[::2]], spec.window)
        ids[::2] = [chat or prose for chat, prose in zip(framed, ids[::2], strict=True)]
    return torch.tensor(ids, dtype=torch.long)


def _conversations(model: Path, texts: list[str], tokens: int) -> list[list[int] | None]:
    """Each text as a conversation of four turns, cut to `tokens`; None where there is no template, or it falls short."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(model))
    if not tokenizer.chat_template:
        return [None] * len(texts)
    return [_conversation(tokenizer, text, tokens) for text in texts]


def _conversation(tokenizer: Any, text: str, tokens: int) -> list[int] | None:
    """The first turns are short, as questions are; the template's own tokens push the end of the text out."""
    ends = [0, len(text) // 12, len(text) // 3, len(text) // 2, len(text)]
    pieces = [text[start:end].strip() for start, end in pairwise(ends)]
    messages = [{"role": role, "content": piece} for role, piece in zip(_ROLES, pieces, strict=True)]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    ids: list[int] = tokenizer(rendered, add_special_tokens=False)["input_ids"][:tokens]
    return ids if len(ids) == tokens else None
