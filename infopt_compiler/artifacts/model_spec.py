"""What is known of a model without its weights: shapes, parameters, bytes. Read from config.json; no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class WeightFormat:
    """How weights are stored. `group` weights share one scale along the input dimension; 16 or 32 bits: float, no scales."""

    bits: int = 32
    group: int = 0
    symmetric: bool = True

    def bytes_of(self, rows: int, columns: int) -> int:
        """Bytes of a matrix of `rows` outputs and `columns` inputs: integers, float32 scales, packed zero points."""
        if self.bits >= 16:
            return rows * columns * self.bits // 8
        groups = rows * -(-columns // (self.group if self.group > 0 else columns))
        zeros = 0 if self.symmetric else -(-groups * self.bits // 8)
        return rows * columns * self.bits // 8 + groups * 4 + zeros


ENCODER_TYPES = ("bert",)  # model types that embed texts and generate nothing
_SEGMENTS = 2  # rows of BERT's table of token types


@dataclass(frozen=True)
class ModelSpec:
    """Shapes of a transformer. `linear` is the format of the decoder's linear layers; head and embedding have their own.

    `tuned`: the runtime's settings are those that `tune` chose for a machine.
    """

    architecture: str
    model_type: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    tied: bool
    attention_bias: bool = False
    linear: WeightFormat = WeightFormat()
    head: WeightFormat = WeightFormat()
    embedding: WeightFormat = WeightFormat()
    tuned: bool = False

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModelSpec:
        """From the contents of a Hugging Face config.json; KeyError where a needed key is missing."""
        heads = config["num_attention_heads"]
        return cls(
            architecture=(config.get("architectures") or [config.get("model_type", "unknown")])[0],
            model_type=config.get("model_type", "unknown"),
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            vocabulary=config["vocab_size"],
            context=config.get("max_position_embeddings", 0),
            tied=bool(config.get("tie_word_embeddings", False)),
            attention_bias=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
        )

    @classmethod
    def from_folder(cls, folder: Path) -> ModelSpec:
        return cls.from_config(json.loads((folder / "config.json").read_text("utf-8")))

    @property
    def is_encoder(self) -> bool:
        """It embeds texts: no head, no KV cache, nothing generated."""
        return self.model_type in ENCODER_TYPES

    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(outputs, inputs) of each linear of one layer, by its name in the layer."""
        if self.is_encoder:
            square, up = (self.hidden, self.hidden), (self.intermediate, self.hidden)
            attention = {f"attention.self.{part}": square for part in ("query", "key", "value")}
            rest = {"attention.output.dense": square, "intermediate.dense": up, "output.dense": up[::-1]}
            return {**attention, **rest}
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "self_attn.q_proj": (q, self.hidden),
            "self_attn.k_proj": (kv, self.hidden),
            "self_attn.v_proj": (kv, self.hidden),
            "self_attn.o_proj": (self.hidden, q),
            "mlp.gate_proj": (self.intermediate, self.hidden),
            "mlp.up_proj": (self.intermediate, self.hidden),
            "mlp.down_proj": (self.hidden, self.intermediate),
        }

    @property
    def linear_parameters(self) -> int:
        return self.layers * sum(rows * columns for rows, columns in self.linear_shapes().values())

    @property
    def head_parameters(self) -> int:
        return 0 if self.is_encoder else self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights; a tied head counts once; norms and biases included."""
        if self.is_encoder:
            return self.linear_parameters + self.vocabulary * self.hidden + self._encoder_floats
        norms = (2 * self.layers + 1) * self.hidden
        biases = self.layers * (self.heads + 2 * self.kv_heads) * self.head_dim if self.attention_bias else 0
        return self.linear_parameters + self.head_parameters * (1 if self.tied else 2) + norms + biases

    @property
    def _encoder_floats(self) -> int:
        """What of an encoder stays in floats: positions, segments, norms, biases."""
        biases = sum(rows for rows, _ in self.linear_shapes().values())
        return (self.context + _SEGMENTS + 2) * self.hidden + self.layers * (biases + 4 * self.hidden)

    @property
    def linear_bytes(self) -> int:
        return self.layers * sum(self.linear.bytes_of(r, c) for r, c in self.linear_shapes().values())

    @property
    def head_bytes(self) -> int:
        return 0 if self.is_encoder else self.head.bytes_of(self.vocabulary, self.hidden)

    @property
    def embedding_bytes(self) -> int:
        """0 where the head's table serves as the embedding (tied and of one format)."""
        shared = not self.is_encoder and self.tied and self.embedding == self.head
        return 0 if shared else self.embedding.bytes_of(self.vocabulary, self.hidden)

    @property
    def weight_bytes(self) -> int:
        norms = (2 * self.layers + 1) * self.hidden * 4
        if self.is_encoder:
            norms = self._encoder_floats * 4
        return self.linear_bytes + self.head_bytes + self.embedding_bytes + norms

    @property
    def bytes_per_token(self) -> int:
        """Weights read to decode one token: all linears and the head; of the embedding one row."""
        return self.linear_bytes + self.head_bytes

    def kv_bytes(self, tokens: int, element_bytes: int = 4) -> int:
        if self.is_encoder:
            return 0
        return 2 * self.layers * self.kv_heads * self.head_dim * tokens * element_bytes

    def with_format(self, linear: WeightFormat, head: WeightFormat, embedding: WeightFormat) -> ModelSpec:
        return replace(self, linear=linear, head=head, embedding=embedding)
