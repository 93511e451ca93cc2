"""Logits of every position of a window, by the runtime that runs the artifact: (tokens, vocabulary), float32."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = Callable[[list[int]], NDArray[np.float32]]
Encode = Callable[[str], list[int]]


def open_scorer(folder: Path, scratch: Path) -> tuple[Logits, Encode | None, dict[str, str]]:
    """How to get logits, the runtime's own tokenizer (None: it is tokenizer.json itself), and library versions."""
    if (folder / "genai_config.json").is_file():
        return _open_onnx(folder, scratch)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return _open_torch(folder, quantized="quantization_config" in config)


def _open_onnx(folder: Path, scratch: Path) -> tuple[Logits, Encode | None, dict[str, str]]:
    """onnxruntime-genai. A pruned head gives the last position only, so a view of the same weights without that is run."""
    import onnxruntime_genai as og

    from infopt_compiler.artifacts.onnx_view import unpruned_view

    model = og.Model(str(unpruned_view(folder, scratch)))
    tokenizer = og.Tokenizer(model)

    def logits(ids: list[int]) -> NDArray[np.float32]:
        params = og.GeneratorParams(model)
        params.set_search_options(max_length=len(ids), do_sample=False, batch_size=1)
        generator = og.Generator(model, params)
        generator.append_tokens(np.array(ids, dtype=np.int32))
        found = np.asarray(generator.get_output("logits"), dtype=np.float32)
        return found.reshape(len(ids), -1)

    def encode(text: str) -> list[int]:
        return [int(token) for token in tokenizer.encode(text)]

    return logits, encode, {"onnxruntime-genai": og.__version__}


def _open_torch(folder: Path, *, quantized: bool) -> tuple[Logits, Encode | None, dict[str, str]]:
    """transformers in fp32; integer weights are turned back into the numbers that they stand for."""
    import torch
    import transformers

    model = _dequantized(folder) if quantized else _plain(folder)
    model.eval()

    def logits(ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = model(torch.tensor([ids]), use_cache=False).logits[0]
        return np.asarray(found.float().numpy())

    return logits, None, {"torch": torch.__version__, "transformers": transformers.__version__}


def _plain(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _dequantized(folder: Path) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from infopt_compiler.artifacts.quantized import dequantize_folder

    state = {name: torch.as_tensor(weight) for name, weight in dequantize_folder(folder)}
    config = AutoConfig.from_pretrained(folder)
    del config.quantization_config
    if "lm_head.weight" in state:  # the head has a grid of its own, so it is the embedding's table no more
        config.tie_word_embeddings = False
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    missing, unexpected = model.load_state_dict(state, strict=False)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    if unexpected or set(missing) - tied:
        raise ValueError(f"weights do not fit the model: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model
