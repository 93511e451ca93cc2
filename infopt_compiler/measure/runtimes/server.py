"""What a runtime must do to be measured, and which runtime opens which folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol


class Server(Protocol):
    """An opened model. `chat` and `encode` are its own tokenizer; `generate` yields once for each token of the batch."""

    def chat(self, text: str) -> str | None:
        """The text as a user's message in the chat template, ready to be answered; None without a template."""

    def encode(self, text: str) -> list[int]: ...

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """Exactly `tokens` tokens for each of `batch` equal prompts: an end token never ends a request early."""

    def environment(self) -> dict[str, Any]:
        """Runtime, versions, threads."""


def runtime_of(folder: Path) -> str:
    """`onnxruntime-genai` for an exported folder, `transformers` for a float Hugging Face folder; ValueError else."""
    if (folder / "genai_config.json").is_file():
        return "onnxruntime-genai"
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(f"{folder} has neither genai_config.json nor config.json")
    if "quantization_config" in json.loads(config.read_text("utf-8")):
        raise ValueError(f"{folder} holds integer weights that are not exported")
    return "transformers"


def opener(runtime: str) -> Callable[[Path], Server]:
    """Imports the runtime, not yet the model: `load` is counted from here."""
    if runtime == "onnxruntime-genai":
        from infopt_compiler.measure.runtimes.genai import GenaiServer

        return GenaiServer
    from infopt_compiler.measure.runtimes.hf import TransformersServer

    return TransformersServer
