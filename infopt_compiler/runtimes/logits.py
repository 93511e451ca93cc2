"""Logits of every position of a window, and greedy continuations, by the runtime that runs the artifact.

Logits are (tokens, vocabulary), float32.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = Callable[[list[int]], NDArray[np.float32]]
Encode = Callable[[str], list[int]]
# (prompt ids, most tokens) → the greedy continuation, an end token left out: shorter means that it ended there.
Generate = Callable[[list[int], int], list[int]]


@dataclass(frozen=True)
class Opened:
    """`encode`: the runtime's own tokenizer, None where that is tokenizer.json itself. `versions` of the libraries."""

    logits: Logits
    encode: Encode | None
    generate: Generate
    versions: dict[str, str]


def open_scorer(folder: Path, scratch: Path) -> Opened:
    """The artifact in the runtime that runs it."""
    if (folder / "genai_config.json").is_file():
        return _open_onnx(folder, scratch)
    if (folder / "shards.json").is_file():
        return _open_ranks(folder, scratch)
    if (folder / "stages.json").is_file():
        return _open_stages(folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return _open_torch(folder, quantized="quantization_config" in config)


def _open_onnx(folder: Path, scratch: Path) -> Opened:
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

    def generate(ids: list[int], most: int) -> list[int]:
        params = og.GeneratorParams(model)
        params.set_search_options(max_length=len(ids) + most, do_sample=False, num_beams=1, batch_size=1)
        generator = og.Generator(model, params)
        generator.append_tokens(np.array(ids, dtype=np.int32))
        found: list[int] = []
        while not generator.is_done() and len(found) < most:
            generator.generate_next_token()
            found.append(int(generator.get_next_tokens()[0]))
        return _until_end(found, ends)

    ends = _end_tokens(json.loads((folder / "genai_config.json").read_text("utf-8"))["model"])
    return Opened(logits, encode, generate, {"onnxruntime-genai": og.__version__})


def _end_tokens(config: dict[str, Any]) -> set[int]:
    """One id, several, or none."""
    found = config.get("eos_token_id")
    return set(found) if isinstance(found, list) else set() if found is None else {found}


def _until_end(tokens: list[int], ends: set[int]) -> list[int]:
    at = next((index for index, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[:at]


def _open_ranks(folder: Path, scratch: Path) -> Opened:
    """The ranks of a sharded model, which write logits position by position."""
    from infopt_compiler.runtimes.sharded import ShardProgram

    program, ends = ShardProgram(folder), _ends_of(folder)
    scratch.mkdir(parents=True, exist_ok=True)

    def logits(ids: list[int]) -> NDArray[np.float32]:
        (scratch / "0.f32").unlink(missing_ok=True)
        list(program.ask({"ids": ids, "logits": str(scratch)}))
        return np.fromfile(scratch / "0.f32", np.float32).reshape(len(ids), -1)

    def generate(ids: list[int], most: int) -> list[int]:
        *_, done = program.ask({"ids": ids, "tokens": most, "stop": sorted(ends)})
        return _until_end(done["tokens"], ends)

    return Opened(logits, None, generate, {})


def _open_stages(folder: Path) -> Opened:
    """The ONNX stages of a sharded model."""
    import onnxruntime

    from infopt_compiler.runtimes.onnx_stages import OnnxStages

    stages = OnnxStages(folder)
    ends = _end_tokens(stages.model)

    def generate(ids: list[int], most: int) -> list[int]:
        found: list[int] = []
        for (token,) in stages.generate(ids, 1, most):
            found.append(token)
            if token in ends:
                break
        return _until_end(found, ends)

    versions = {"onnxruntime": onnxruntime.__version__}
    return Opened(lambda ids: stages.stepwise_logits(ids, len(ids)), None, generate, versions)


def _ends_of(folder: Path) -> set[int]:
    """The end tokens of a Hugging Face folder."""
    config = folder / "generation_config.json"
    said = json.loads(config.read_text("utf-8")) if config.is_file() else {}
    return _end_tokens(said) or _end_tokens(json.loads((folder / "config.json").read_text("utf-8")))


def _open_torch(folder: Path, *, quantized: bool) -> Opened:
    """transformers in fp32; integer weights are turned back into the numbers that they stand for."""
    import torch
    import transformers

    model = _dequantized(folder) if quantized else _plain(folder)
    model.eval()

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
        return _until_end(found, ends)

    ends = _ends_of(folder)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    return Opened(logits, None, generate, versions)


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
