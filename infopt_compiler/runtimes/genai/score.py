"""Logits and continuations of an exported decoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime_genai as og
from numpy.typing import NDArray

from infopt_compiler.artifacts.onnx_view import unpruned_view
from infopt_compiler.runtimes.protocol import Scorable
from infopt_compiler.runtimes.tokens import end_tokens, until_end


def open_scorable(folder: Path, scratch: Path) -> Scorable:
    """A pruned head gives the last position only, so a view of the same weights without that is run."""
    model = og.Model(str(unpruned_view(folder, scratch)))
    tokenizer = og.Tokenizer(model)
    ends = end_tokens(json.loads((folder / "genai_config.json").read_text("utf-8"))["model"])

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
        return until_end(found, ends)

    return Scorable(logits, encode, generate)
