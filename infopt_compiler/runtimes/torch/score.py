"""Logits and continuations of a Hugging Face folder, in fp32; integer weights are turned back into the numbers that they
stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM

from infopt_compiler.architectures import find_family
from infopt_compiler.artifacts.quantized import dequantize_folder
from infopt_compiler.runtimes.protocol import Scorable
from infopt_compiler.runtimes.tokens import end_tokens_of, until_end


def open_scorable(folder: Path, scratch: Path) -> Scorable:
    """The model on the processor, one window at a time."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    model = (_dequantized if "quantization_config" in config else _plain)(folder)
    model.eval()
    ends = end_tokens_of(folder)

    def logits(ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = model(torch.tensor([ids]), use_cache=False).logits[0]
        return np.asarray(found.float().numpy())

    def generate(ids: list[int], most: int) -> list[int]:
        step, cache = torch.tensor([ids]), None
        found: list[int] = []
        while len(found) < most and not ends & set(found[-1:]):
            with torch.inference_mode():
                out = model(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, step = out.past_key_values, out.logits[:, -1:].argmax(-1)
            found.append(int(step))
        return until_end(found, ends)

    return Scorable(logits, None, generate)


def _plain(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _dequantized(folder: Path) -> Any:
    state = {name: torch.as_tensor(weight) for name, weight in dequantize_folder(folder)}
    config = AutoConfig.from_pretrained(folder)
    del config.quantization_config
    head = f"{find_family(config.model_type).names.head}.weight"
    if head in state:  # the head has a grid of its own, so it is the embedding's table no more
        config.tie_word_embeddings = False
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    missing, unexpected = model.load_state_dict(state, strict=False)
    tied = {head} if config.tie_word_embeddings else set()
    if unexpected or set(missing) - tied:
        raise ValueError(f"weights do not fit the model: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model
