"""A family of models: names, layers, configuration keys, what it is for, and what passes cannot do with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from infopt_compiler.architectures.keys import Keys, Scales, Window
from infopt_compiler.architectures.parts import Block, NormKind


class Purpose(Enum):
    """What a model is for."""

    generate = "generate"
    embed = "embed"
    classify = "classify"


class Ability(Enum):
    """What may be done with a model of a family."""

    quantize = "quantize"
    distill = "distill"
    shard = "shard"
    export = "export"
    export_quantized = "export_quantized"  # carry its integers into the exported graph


@dataclass(frozen=True)
class Refusal:
    """Something that cannot be done with a family, and why: a clause that `check` says to the user."""

    ability: Ability
    why: str = ""


@dataclass(frozen=True)
class Names:
    """Modules around the layers, by their names in the folder; empty: there is none.

    `optional_prefix`: what some files put in front of every name. `unread`: what stands in front of the names of tensors that
    the model's purpose does not need. `rotary` is a module of transformers' without weights.
    """

    embedding: str
    layers: str
    last_norm: str = ""
    head: str = ""
    rotary: str = ""
    positions: str = ""
    segments: str = ""
    embedded_norm: str = ""
    optional_prefix: str = ""
    unread: tuple[str, ...] = ()

    def layer(self, index: int) -> str:
        """What stands in front of the names inside a layer."""
        return f"{self.layers}.{index}."

    @property
    def embedder(self) -> str:
        """The module that the embedding's table belongs to."""
        return self.embedding.rpartition(".")[0]

    def plain(self, name: str) -> str:
        """A tensor's name as the description has it."""
        return name.removeprefix(self.optional_prefix)


@dataclass(frozen=True)
class Family:
    """`name` is the `model_type` of config.json, `classes` what may be among its `architectures`.

    `rope_theta`: where the configuration does not say it; 0: no rotary positions. `norms`: the kind of those around the layers.
    """

    name: str
    classes: tuple[str, ...]
    purpose: Purpose
    names: Names
    block: Block
    keys: Keys = Keys()
    norms: NormKind = NormKind.rms
    epsilon: float = 1e-6
    activation: str = "silu"
    rope_theta: float = 10000.0
    window: Window = Window()
    scales: Scales = Scales()
    normed_experts: bool = False
    refuses: tuple[Refusal, ...] = ()

    @property
    def generates(self) -> bool:
        """It has a head and writes token after token, each seeing those before it; keys and values are kept."""
        return self.purpose is Purpose.generate

    @property
    def embeds(self) -> bool:
        """It makes one vector of a text: no head, nothing generated."""
        return self.purpose is Purpose.embed

    def is_norm(self, tensor: str) -> bool:
        """Whether a tensor of that name holds the gains of a norm."""
        module = self.names.plain(tensor).removesuffix(".weight")
        around = (self.names.last_norm, self.names.embedded_norm)
        return module in around or any(module.endswith(f".{norm.module}") for norm in self.block.norms)

    def can(self, ability: Ability) -> bool:
        return all(one.ability is not ability for one in self.refuses)

    def why_not(self, ability: Ability) -> str | None:
        """The reason, where there is one to tell."""
        return next((one.why for one in self.refuses if one.ability is ability and one.why), None)
