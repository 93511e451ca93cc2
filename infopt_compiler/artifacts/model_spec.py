"""What is known of a model without its weights: shapes, parameters, bytes. Read from config.json; no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from infopt_compiler.architectures import (
    Bias,
    Family,
    Linear,
    Norm,
    NormKind,
    Place,
    Role,
    family_of,
    find_family,
)
from infopt_compiler.architectures.keys import config_keys
from infopt_compiler.architectures.parts import EXPERT
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

    Names of tensors, and which of them there are, come from its `family`. `served`: the settings of its runtime. `experts`: networks of `intermediate`
    wide in each layer, of which a router takes `experts_per_token` for every token; 0 in a dense model. `mesh`: the
    ranks that `shard` split it over. `float_bytes`: of a number that is not quantized: norms, activations, keys and values.
    `segments`: rows of an encoder's table of token types.
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
    mlp_bias: bool = False
    segments: int = 2

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ModelSpec:
        """From the contents of a Hugging Face config.json; KeyError where a needed key is missing."""
        family, model_type = family_of(config), config.get("model_type", "unknown")
        keys = config_keys(family.keys, model_type)
        heads, experts = config[keys.heads], 0
        if family.block.experts:
            experts = next((config[key] for key in keys.experts if config.get(key)), 0)
        width = (config.get(keys.expert_width) if experts else None) or config[keys.intermediate]
        return cls(
            architecture=(config.get("architectures") or [model_type])[0],
            model_type=model_type,
            layers=config[keys.layers],
            hidden=config[keys.hidden],
            intermediate=width,
            heads=heads,
            kv_heads=config.get(keys.kv_heads) or heads,
            head_dim=config.get(keys.head_dim) or config[keys.hidden] // heads,
            vocabulary=config[keys.vocabulary],
            context=config.get(keys.context, 0),
            tied=bool(config.get(keys.tied, False)),
            attention_bias=bool(config.get(keys.attention_bias, False)),
            experts=experts,
            experts_per_token=config.get(keys.experts_per_token, 0) if experts else 0,
            mlp_bias=bool(config.get(keys.mlp_bias, False)),
            segments=config.get(keys.segments) or 0,
        ).with_format(*_stored_formats(config))

    @classmethod
    def from_folder(cls, folder: Path) -> ModelSpec:
        return cls.from_config_file(folder / "config.json")

    @classmethod
    def from_config_file(cls, file: Path) -> ModelSpec:
        """From a config.json, whatever it is called."""
        return cls.from_config(json.loads(file.read_text("utf-8")))

    @property
    def family(self) -> Family:
        """What is known of models of this kind."""
        return find_family(self.model_type, self.architecture)

    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(outputs, inputs) of each linear of one layer that may be quantized, by its name in the layer."""
        return {name: self._shape(linear) for name, linear in self._linears().items()}

    def float_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the other tensors of one layer, which stay in floats: norms, the router, biases."""
        found: dict[str, tuple[int, ...]] = {}
        block = self.family.block
        if self.experts and block.router is not None:
            found[f"{block.router.module}.weight"] = self._shape(block.router)
        for norm in block.norms:
            found |= _norm_shapes(norm.module, norm.kind, self._norm_width(norm))
        biased = {Bias.always: True, Bias.attention: self.attention_bias, Bias.mlp: self.mlp_bias}
        for name, linear in self._linears().items():
            if biased.get(linear.bias, False):
                found[f"{name}.bias"] = (self._shape(linear)[0],)
        return found

    def outer_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of tensors around the layers that stay in floats: the last norm, positions, segments."""
        names, kind = self.family.names, self.family.norms
        found: dict[str, tuple[int, ...]] = {}
        for norm in (names.embedded_norm, names.last_norm):
            found |= _norm_shapes(norm, kind, self.hidden) if norm else {}
        for table, rows in ((names.positions, self.context), (names.segments, self.segments)):
            found |= {f"{table}.weight": (rows, self.hidden)} if table else {}
        return found

    def _linears(self) -> dict[str, Linear]:
        """Of one layer by name; those of experts once for each."""
        found: dict[str, Linear] = {}
        experts = [one for one in self.family.block.linears(mixture=bool(self.experts)) if one.of_expert]
        for one in self.family.block.linears(mixture=bool(self.experts)):
            if not one.of_expert:
                found[one.module] = one
        for k in range(self.experts):
            found |= {one.module.replace(EXPERT, str(k)): one for one in experts}
        return found

    def _shape(self, linear: Linear) -> tuple[int, int]:
        inputs = {Role.attention_out: self.heads * self.head_dim, Role.down: self.intermediate}
        return sum(map(self._outputs, linear.roles)), inputs.get(linear.roles[0], self.hidden)

    def _outputs(self, role: Role) -> int:
        if role is Role.query:
            return self.heads * self.head_dim
        if role in (Role.key, Role.value):
            return self.kv_heads * self.head_dim
        if role in (Role.gate, Role.up):
            return self.intermediate
        return self.experts if role is Role.router else self.hidden

    def _norm_width(self, norm: Norm) -> int:
        if norm.place in (Place.query, Place.key):
            return self.head_dim
        wide = {Place.queries: self.heads * self.head_dim, Place.keys: self.kv_heads * self.head_dim}
        return wide.get(norm.place, self.hidden)

    @property
    def linear_parameters(self) -> int:
        """Of all experts; the router of a mixture is not among the linears: it stays in floats."""
        return self.layers * sum(rows * columns for rows, columns in self.linear_shapes().values())

    @property
    def active_share(self) -> float:
        """The share of the linears' weights that one token is multiplied with: less than 1 in a mixture of experts."""
        if not self.experts:
            return 1.0
        experts = self.layers * self.experts * self.expert_parameters
        idle = experts * (1 - self.experts_per_token / self.experts)
        return 1 - idle / self.linear_parameters

    @property
    def expert_parameters(self) -> int:
        """Weights of one expert of one layer."""
        return sum(prod(self._shape(linear)) for linear in self.family.block.experts)

    @property
    def float_parameters(self) -> int:
        """What stays in floats whatever is quantized: norms, biases, routers, positions; no tables of words."""
        inner = sum(map(prod, self.float_shapes().values()))
        return self.layers * inner + sum(map(prod, self.outer_shapes().values()))

    @property
    def head_parameters(self) -> int:
        return self.vocabulary * self.hidden if self.family.generates else 0

    @property
    def parameters(self) -> int:
        """All weights; a tied head counts once; norms and biases included."""
        head = 0 if self.tied else self.head_parameters
        return self.linear_parameters + self.vocabulary * self.hidden + head + self.float_parameters

    @property
    def linear_bytes(self) -> int:
        return self.layers * sum(self.linear.bytes_of(r, c) for r, c in self.linear_shapes().values())

    @property
    def head_bytes(self) -> int:
        return self.head.bytes_of(self.vocabulary, self.hidden) if self.family.generates else 0

    @property
    def embedding_bytes(self) -> int:
        """0 where the head's table serves as the embedding (tied and of one format)."""
        shared = self.family.generates and self.tied and self.embedding == self.head
        return 0 if shared else self.embedding.bytes_of(self.vocabulary, self.hidden)

    @property
    def weight_bytes(self) -> int:
        return self.linear_bytes + self.head_bytes + self.embedding_bytes + 4 * self.float_parameters

    @property
    def bytes_per_token(self) -> int:
        """Weights read to decode one token: all linears that it is multiplied with, and the head; of the embedding one row."""
        return round(self.linear_bytes * self.active_share) + self.head_bytes

    def kv_bytes(self, tokens: int, element_bytes: int = 4) -> int:
        if not self.family.generates:
            return 0
        return 2 * self.layers * self.kv_heads * self.head_dim * tokens * element_bytes

    def with_format(self, linear: WeightFormat, head: WeightFormat, embedding: WeightFormat) -> ModelSpec:
        return replace(self, linear=linear, head=head, embedding=embedding)


def _norm_shapes(module: str, kind: NormKind, width: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {f"{module}.weight": (width,)}
    return found | {f"{module}.bias": (width,)} if kind is NormKind.layer else found


def _stored_formats(config: Mapping[str, Any]) -> tuple[WeightFormat, WeightFormat, WeightFormat]:
    """Of linears, head and embedding in a QuantizedModel's folder (`artifacts.quantized`); floats elsewhere."""
    stored = config.get("quantization_config") or {}
    if stored.get("quant_method") != "olive":
        return WeightFormat(), WeightFormat(), WeightFormat()
    return (
        _format(stored),
        _format(stored.get("overrides", {}).get(family_of(config).names.head)),
        _format(stored.get("embedding")),
    )


def _format(stored: dict[str, Any] | None) -> WeightFormat:
    return (
        WeightFormat(stored["bits"], stored["group_size"], stored["symmetric"]) if stored else WeightFormat()
    )
