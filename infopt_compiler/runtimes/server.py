"""What a runtime must do to be measured, and which runtime opens which folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from infopt_compiler.architectures import family_of


class Server(Protocol):
    """An opened model. `chat` and `encode` are its own tokenizer; `generate` yields once for each token of the batch."""

    def chat(self, text: str) -> str | None:
        """The text as a user's message in the chat template, ready to be answered; None without a template."""

    def encode(self, text: str) -> list[int]: ...

    def generate(self, ids: list[int], batch: int, tokens: int, max_length: int) -> Iterator[None]:
        """Exactly `tokens` tokens for each of `batch` equal prompts: an end token never ends a request early."""

    def environment(self) -> dict[str, Any]:
        """Runtime, versions, threads."""


class Encoder(Protocol):
    """An opened encoder with its own tokenizer."""

    def encode(self, text: str) -> list[int]: ...

    def tokenize(self, texts: list[str]) -> dict[str, Any]:
        """The model's int64 inputs, each (batch, longest text)."""

    def forward(self, inputs: dict[str, Any]) -> Any:
        """Sentence embeddings, float32 (batch, hidden)."""

    def environment(self) -> dict[str, Any]:
        """Runtime, versions, threads."""


ENCODERS = ("onnxruntime", "transformers encoder")  # runtimes that open an `Encoder`


def runtime_of(folder: Path) -> str:
    """`onnxruntime-genai` for an exported decoder, `ranks` for a sharded one, `onnxruntime stages` for its stages, `onnxruntime` for an exported encoder, `transformers` for a float
    Hugging Face folder (`transformers encoder` of an encoder); ValueError else."""
    if (folder / "genai_config.json").is_file():
        return "onnxruntime-genai"
    if (folder / "shards.json").is_file():
        return "ranks"
    if (folder / "stages.json").is_file():
        return "onnxruntime stages"
    if (folder / "model.onnx").is_file():
        return "onnxruntime"
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(f"{folder} has neither genai_config.json nor config.json")
    read = json.loads(config.read_text("utf-8"))
    if "quantization_config" in read:
        raise ValueError(f"{folder} holds integer weights that are not exported")
    return "transformers" if family_of(read).generates else "transformers encoder"


def opener(runtime: str) -> Callable[[Path], Any]:
    """Opens a `Server` or an `Encoder`. Imports the runtime, not yet the model: `load` is counted from here."""
    if runtime == "onnxruntime-genai":
        from infopt_compiler.runtimes.genai import GenaiServer

        return GenaiServer
    if runtime == "onnxruntime":
        from infopt_compiler.runtimes.encoder import EncoderServer

        return EncoderServer
    if runtime == "transformers encoder":
        from infopt_compiler.runtimes.torch_encoder import TorchEncoderServer

        return TorchEncoderServer
    if runtime == "onnxruntime stages":
        from infopt_compiler.runtimes.onnx_stages import OnnxStagesServer

        return OnnxStagesServer
    if runtime == "ranks":
        from infopt_compiler.runtimes.sharded import ShardedServer

        return ShardedServer
    from infopt_compiler.runtimes.hf import TransformersServer

    return TransformersServer
