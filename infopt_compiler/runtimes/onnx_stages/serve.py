"""Serving a decoder in ONNX stages by plain onnxruntime: one session for each stage, keys and values beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from infopt_compiler.artifacts.layouts import ONNX_STAGES
from infopt_compiler.runtimes.protocol import Scorable
from infopt_compiler.runtimes.tokens import end_tokens, until_end

Floats = NDArray[np.float32]


class Stage:
    """One stage: `cache` holds keys and values of its layers, (batch, KV heads, positions, channels) each."""

    def __init__(self, folder: Path) -> None:
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name: one for one in self.session.get_inputs()}
        self._outputs = [one.name for one in self.session.get_outputs()]
        self._cache: dict[str, Floats] = {}

    def reset(self, batch: int) -> None:
        for name, one in self._inputs.items():
            if name.startswith("past_key_values."):
                self._cache[name] = np.zeros((batch, one.shape[1], 0, self._channels(one)), np.float32)

    def run(self, hidden: NDArray[Any], mask: NDArray[np.int64]) -> Floats:
        """Token ids or hidden states to hidden states or logits."""
        first = next(name for name in self._inputs if name in ("input_ids", "hidden_in"))
        feed: dict[str, Any] = {first: hidden, **self._cache}
        if "attention_mask" in self._inputs:
            feed["attention_mask"] = mask
        out, *present = self.session.run(self._outputs, feed)
        names = [name.replace("present.", "past_key_values.") for name in self._outputs[1:]]
        self._cache = dict(zip(names, present, strict=True))
        return np.asarray(out)

    def _channels(self, one: Any) -> int:
        return int(one.shape[3]) if isinstance(one.shape[3], int) else self.channels

    channels = 0


class OnnxStages:
    """The stages one after the other; a batch of equal prompts, as the scenarios have it."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        told = json.loads((folder / ONNX_STAGES.file).read_text("utf-8"))
        self.model = told["model"]
        self.stages = [Stage(folder / f"stage-{number}") for number in range(len(told["stages"]))]
        for stage in self.stages:
            stage.channels = int(self.model["decoder"]["head_size"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids))

    def stepwise_logits(self, ids: list[int], prompt: int) -> Floats:
        """Logits (positions, vocabulary): the first `prompt` tokens in one prefill, the others one by one."""
        self._reset(1)
        chunks = [ids[:prompt], *([token] for token in ids[prompt:])]
        return np.concatenate([self._step(np.array([chunk], np.int64))[0] for chunk in chunks])

    def generate(self, ids: list[int], batch: int, tokens: int) -> Iterator[list[int]]:
        """Greedy: a token of each row."""
        self._reset(batch)
        step = np.array([ids] * batch, np.int64)
        for _ in range(tokens):
            step = self._step(step)[:, -1].argmax(-1)[:, None].astype(np.int64)
            yield [int(token) for token in step[:, 0]]

    def _reset(self, batch: int) -> None:
        self._length = 0
        for stage in self.stages:
            stage.reset(batch)

    def _step(self, ids: NDArray[np.int64]) -> Floats:
        self._length += ids.shape[1]
        mask = np.ones((ids.shape[0], self._length), np.int64)
        x: NDArray[Any] = ids
        for stage in self.stages:
            x = stage.run(x, mask)
        return x


class OnnxStagesServer:
    """The stages as a runtime that is measured; prompts go in as they are, without a chat template."""

    def __init__(self, folder: Path) -> None:
        self._stages = OnnxStages(folder)
        self.encode = self._stages.encode

    def chat(self, text: str) -> str | None:
        return None

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """No end token ends a request; keys and values grow, nothing is reserved."""
        for step in self._stages.generate(ids, batch, tokens):
            self._stages.decode(step[:1])
            yield

    def environment(self) -> dict[str, Any]:
        return {
            "runtime": "onnxruntime, stages",
            "versions": {"onnxruntime": onnxruntime.__version__},
            "session_options": {"stages": len(self._stages.stages)},
            "decoding": "greedy; no end token",
        }


def open_scorable(folder: Path, scratch: Path) -> Scorable:
    """Their logits and continuations."""
    stages = OnnxStages(folder)
    ends = end_tokens(stages.model)

    def generate(ids: list[int], most: int) -> list[int]:
        found: list[int] = []
        for (token,) in stages.generate(ids, 1, most):
            found.append(token)
            if token in ends:
                break
        return until_end(found, ends)

    return Scorable(lambda ids: stages.stepwise_logits(ids, len(ids)), None, generate)
