"""Calibration text to windows of token ids, with the model's own tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from infopt_compiler.artifacts import TextData
from infopt_compiler.artifacts.text import read_documents, read_spec, windows

from .errors import BadModel, NoCalibration


def calibration_windows(model: Path, data: TextData) -> Tensor:
    """Token ids (windows, tokens). Raises NoCalibration where the text is shorter than one window."""
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
    return torch.tensor([window.ids for window in cut], dtype=torch.long)
