"""What the runtime must know of a decoder besides its weights: read from config.json, no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Unsupported

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "qwen3_moe", "mixtral")
ACTIVATIONS = ("silu", "gelu", "gelu_pytorch_tanh", "relu")


@dataclass(frozen=True)
class Rope:
    """Rotary embedding: `theta`, and how long contexts stretch it (`default`, `linear`, `llama3`)."""

    theta: float
    kind: str = "default"
    factor: float = 1.0
    low: float = 1.0
    high: float = 4.0
    original: int = 0


@dataclass(frozen=True)
class Architecture:
    """A Llama-like decoder. `rotated[i]`: layer i rotates queries and keys; `window`: keys that a query sees, 0 for all."""

    layers: int
    head_dim: int
    epsilon: float
    activation: str
    rope: Rope
    rotated: tuple[bool, ...]
    window: int
    tied: bool
    experts_per_token: int
    normed_experts: bool
    quantization: dict[str, Any]

    @classmethod
    def from_folder(cls, folder: Path) -> Architecture:
        """Unsupported where the runtime would compute something else than the model says."""
        return cls.from_config(json.loads((folder / "config.json").read_text("utf-8")))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Architecture:
        kind, activation = config.get("model_type"), config.get("hidden_act", "silu")
        if kind not in MODEL_TYPES:
            raise Unsupported(
                f"cannot run a `{kind}` model in shards", help=f"known are: {', '.join(MODEL_TYPES)}"
            )
        if activation not in ACTIVATIONS:
            raise Unsupported(f"cannot run the activation `{activation}` in shards")
        layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
        rotated = config.get("no_rope_layers") or [1] * layers
        return cls(
            layers,
            config.get("head_dim") or config["hidden_size"] // heads,
            config.get("rms_norm_eps", 1e-6),
            activation,
            _rope(config),
            tuple(bool(one) for one in rotated),
            _window(config),
            bool(config.get("tie_word_embeddings", False)),
            config.get("num_experts_per_tok") or 0,
            bool(config.get("norm_topk_prob", kind == "mixtral")),
            config.get("quantization_config") or {},
        )

    def format_of(self, module: str) -> tuple[int, int]:
        """Bits and group of a module with integer weights."""
        described = {**self.quantization, **(self.quantization.get("overrides") or {}).get(module, {})}
        return int(described["bits"]), int(described["group_size"])


def _rope(config: dict[str, Any]) -> Rope:
    """From `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling`."""
    told = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    kind = told.get("rope_type", told.get("type", "default"))
    if kind not in ("default", "linear", "llama3"):
        raise Unsupported(f"cannot run rotary embeddings of the type `{kind}` in shards")
    if told.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)) != 1.0:
        raise Unsupported("cannot run partly rotated heads in shards")
    return Rope(
        float(told.get("rope_theta", config.get("rope_theta", 10000.0))),
        kind,
        float(told.get("factor", 1.0)),
        float(told.get("low_freq_factor", 1.0)),
        float(told.get("high_freq_factor", 4.0)),
        int(told.get("original_max_position_embeddings") or config.get("max_position_embeddings", 0)),
    )


def _window(config: dict[str, Any]) -> int:
    """Mistral and Mixtral slide a window in all layers. Others may in some, which is not supported."""
    if config["model_type"] in ("mistral", "mixtral"):
        return config.get("sliding_window") or 0
    if config.get("use_sliding_window") and config.get("sliding_window"):
        raise Unsupported("cannot run a window that slides in some layers only in shards")
    return 0
