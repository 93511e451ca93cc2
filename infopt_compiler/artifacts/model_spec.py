"""What is known of a model without its weights: shapes, parameters, bytes. Read from config.json; no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.mesh import Mesh


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


NOTE = "infopt.json"  # what `tune` writes into an artifact


@dataclass(frozen=True)
class Served:
    """Runtime settings of an exported model that its speed and memory hang on; by default those of `export`.

    `threads` 0: the runtime's default, None: all cores; `level` and `head_level`: accuracy levels of `MatMulNBits` in
    the layers and in the head, None: the faster one; `pruned`: the head sees the last position only.
    """

    threads: int | None = 0
    level: int = 0
    head_level: int | None = 0
    pruned: bool = False

    @classmethod
    def from_folder(cls, folder: Path) -> Served | None:
        """What `tune` chose for the artifact in `folder`; None where it did not."""
        try:
            chosen = json.loads((folder / NOTE).read_text("utf-8"))["tune"]["settings"]
            levels = int(chosen["accuracy_level"]), int(chosen["head_accuracy_level"])
            return cls(int(chosen["threads"]), *levels, bool(chosen["prune_head"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


TUNED = Served(None, 4, None, True)  # what `tune` is expected to choose


@dataclass(frozen=True)
class ModelSpec:
    """Shapes of a transformer. `linear` is the format of the decoder's linear layers; head and embedding have their own.

    `served`: the settings of its runtime. `experts`: networks of `intermediate`
    wide in each layer, of which a router takes `experts_per_token` for every token; 0 in a dense model. `mesh`: the
    ranks that `shard` split it over. `float_bytes`: of a number that is not quantized: norms, activations, keys and values.
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
    served: Served = Served()
    experts: int = 0
    experts_per_token: int = 0
    mesh: Mesh | None = None
    float_bytes: int = 4

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModelSpec:
        """From the contents of a Hugging Face config.json; KeyError where a needed key is missing."""
        heads = config["num_attention_heads"]
        experts = config.get("num_local_experts") or config.get("num_experts") or 0
        width = (config.get("moe_intermediate_size") if experts else None) or config["intermediate_size"]
        return cls(
            architecture=(config.get("architectures") or [config.get("model_type", "unknown")])[0],
            model_type=config.get("model_type", "unknown"),
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            intermediate=width,
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            vocabulary=config["vocab_size"],
            context=config.get("max_position_embeddings", 0),
            tied=bool(config.get("tie_word_embeddings", False)),
            attention_bias=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
            experts=experts,
            experts_per_token=config.get("num_experts_per_tok", 0) if experts else 0,
        ).with_format(*_stored_formats(config))

    @classmethod
    def from_folder(cls, folder: Path) -> ModelSpec:
        return cls.from_config_file(folder / "config.json")

    @classmethod
    def from_config_file(cls, file: Path) -> ModelSpec:
        """From a config.json, whatever it is called."""
        return cls.from_config(json.loads(file.read_text("utf-8")))

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
            **self._network_shapes(),
        }

    def _network_shapes(self) -> dict[str, tuple[int, int]]:
        up = (self.intermediate, self.hidden)
        network = {"gate_proj": up, "up_proj": up, "down_proj": up[::-1]}
        if not self.experts:
            return {f"mlp.{name}": shape for name, shape in network.items()}
        return {
            f"mlp.experts.{k}.{name}": shape for k in range(self.experts) for name, shape in network.items()
        }

    @property
    def linear_parameters(self) -> int:
        """Of all experts; the router of a mixture is not among the linears: it stays in floats."""
        return self.layers * sum(rows * columns for rows, columns in self.linear_shapes().values())

    @property
    def active_share(self) -> float:
        """The share of the linears' weights that one token is multiplied with: less than 1 in a mixture of experts."""
        if not self.experts:
            return 1.0
        experts = self.layers * self.experts * 3 * self.hidden * self.intermediate
        idle = experts * (1 - self.experts_per_token / self.experts)
        return 1 - idle / self.linear_parameters

    @property
    def router_parameters(self) -> int:
        return self.layers * self.experts * self.hidden

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
        tables = self.head_parameters * (1 if self.tied else 2)
        return self.linear_parameters + self.router_parameters + tables + norms + biases

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
        norms = ((2 * self.layers + 1) * self.hidden + self.router_parameters) * 4
        if self.is_encoder:
            norms = self._encoder_floats * 4
        return self.linear_bytes + self.head_bytes + self.embedding_bytes + norms

    @property
    def bytes_per_token(self) -> int:
        """Weights read to decode one token: all linears that it is multiplied with, and the head; of the embedding one row."""
        return round(self.linear_bytes * self.active_share) + self.head_bytes

    def kv_bytes(self, tokens: int, element_bytes: int = 4) -> int:
        if self.is_encoder:
            return 0
        return 2 * self.layers * self.kv_heads * self.head_dim * tokens * element_bytes

    def with_format(self, linear: WeightFormat, head: WeightFormat, embedding: WeightFormat) -> ModelSpec:
        return replace(self, linear=linear, head=head, embedding=embedding)


def _stored_formats(config: dict[str, Any]) -> tuple[WeightFormat, WeightFormat, WeightFormat]:
    """Of linears, head and embedding in a QuantizedModel's folder (`artifacts.quantized`); floats elsewhere."""
    stored = config.get("quantization_config") or {}
    if stored.get("quant_method") != "olive":
        return WeightFormat(), WeightFormat(), WeightFormat()
    return (
        _format(stored),
        _format(stored.get("overrides", {}).get("lm_head")),
        _format(stored.get("embedding")),
    )


def _format(stored: dict[str, Any] | None) -> WeightFormat:
    return (
        WeightFormat(stored["bits"], stored["group_size"], stored["symmetric"]) if stored else WeightFormat()
    )
