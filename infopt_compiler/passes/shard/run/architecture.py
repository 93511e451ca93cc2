"""What the runtime must know of a decoder besides its weights: its family's description and config.json, no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.architectures import (
    Ability,
    Family,
    Names,
    NormKind,
    Numbers,
    Place,
    able,
    family_of,
    read_numbers,
)
from infopt_compiler.artifacts import ModelSpec

from .errors import Unsupported

ACTIVATIONS = ("silu", "gelu", "gelu_pytorch_tanh", "relu")
_ROPES = ("default", "linear", "llama3")
_NORMED = (Place.attention_in, Place.mlp_in, Place.query, Place.key)


@dataclass(frozen=True)
class Architecture:
    """A decoder whose layers this runtime computes. `window`: keys that a query sees, 0 for all."""

    family: Family
    numbers: Numbers
    layers: int
    head_dim: int
    experts: int
    window: int
    quantization: dict[str, Any]

    @property
    def names(self) -> Names:
        return self.family.names

    @classmethod
    def from_folder(cls, folder: Path) -> Architecture:
        """Unsupported where the runtime would compute something else than the model says."""
        return cls.from_config(json.loads((folder / "config.json").read_text("utf-8")))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Architecture:
        family = family_of(config)
        _require_family(family, config)
        spec, numbers = ModelSpec.from_config(config), read_numbers(family, config)
        _require_numbers(numbers)
        return cls(
            family,
            numbers,
            spec.layers,
            spec.head_dim,
            spec.experts,
            max(numbers.windows),
            config.get("quantization_config") or {},
        )

    def format_of(self, module: str) -> tuple[int, int]:
        """Bits and group of a module with integer weights."""
        described = {**self.quantization, **(self.quantization.get("overrides") or {}).get(module, {})}
        return int(described["bits"]), int(described["group_size"])


def _require_family(family: Family, config: dict[str, Any]) -> None:
    kind = config.get("model_type")
    if not family.can(Ability.shard):
        known = ", ".join(one.name for one in able(Ability.shard))
        raise Unsupported(f"cannot run a `{kind}` model in shards", help=f"known are: {known}")
    odd = [norm for norm in family.block.norms if norm.kind is not NormKind.rms or norm.place not in _NORMED]
    if odd or family.norms is not NormKind.rms:
        raise Unsupported(f"cannot run the norms of a `{kind}` model in shards")
    if any(len(linear.roles) > 1 for linear in family.block.linears()):
        raise Unsupported(f"cannot run the fused linears of a `{kind}` model in shards")


def _require_numbers(numbers: Numbers) -> None:
    if numbers.activation not in ACTIVATIONS:
        raise Unsupported(f"cannot run the activation `{numbers.activation}` in shards")
    if numbers.rope is None or numbers.rope.kind not in _ROPES:
        kind = numbers.rope.kind if numbers.rope else "none"
        raise Unsupported(f"cannot run rotary embeddings of the type `{kind}` in shards")
    if numbers.rope.share != 1.0:
        raise Unsupported("cannot run partly rotated heads in shards")
    if len(set(numbers.windows)) > 1:
        raise Unsupported("cannot run a window that slides in some layers only in shards")
