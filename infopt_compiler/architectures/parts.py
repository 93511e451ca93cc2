"""What a layer is made of: linears by role, norms by place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

EXPERT = "{expert}"  # in a module's name: the number of an expert


class Site(Enum):
    """Linears of one site read the same input."""

    attention_in = "attention_in"
    attention_out = "attention_out"
    mlp_in = "mlp_in"
    mlp_out = "mlp_out"


class Role(Enum):
    """What a linear makes of its input."""

    query = "query"
    key = "key"
    value = "value"
    attention_out = "attention_out"
    gate = "gate"
    up = "up"
    down = "down"
    router = "router"  # a weight for each expert; it stays in floats

    @property
    def site(self) -> Site:
        return _SITES[self]

    @property
    def cut_by_outputs(self) -> bool:
        """Tensor parallelism cuts it along its outputs (Megatron-LM, arXiv 1909.08053); those behind it along their inputs."""
        return self is not Role.router and self.site in (Site.attention_in, Site.mlp_in)

    @property
    def cut_by_inputs(self) -> bool:
        return self.site in (Site.attention_out, Site.mlp_out)


_SITES = {
    Role.query: Site.attention_in,
    Role.key: Site.attention_in,
    Role.value: Site.attention_in,
    Role.attention_out: Site.attention_out,
    Role.gate: Site.mlp_in,
    Role.up: Site.mlp_in,
    Role.router: Site.mlp_in,
    Role.down: Site.mlp_out,
}


class Bias(Enum):
    """Whether a linear has a bias; the last two ask the configuration (`Keys.attention_bias`, `Keys.mlp_bias`)."""

    never = "never"
    always = "always"
    attention = "attention"
    mlp = "mlp"


@dataclass(frozen=True)
class Linear:
    """`module`: its name in the layer (of an expert's with `{expert}`). Several roles: fused, their rows in this order."""

    module: str
    roles: tuple[Role, ...]
    bias: Bias = Bias.never

    @property
    def site(self) -> Site:
        return self.roles[0].site

    @property
    def leaf(self) -> str:
        """The last part of its name."""
        return self.module.rpartition(".")[2]

    @property
    def parent(self) -> str:
        """The module that it belongs to."""
        return self.module.rpartition(".")[0]

    @property
    def of_expert(self) -> bool:
        return EXPERT in self.module


class NormKind(Enum):
    """`rms_offset`: gains are stored as what they differ from 1 by (Gemma's `1 + w`)."""

    rms = "rms"
    rms_offset = "rms_offset"
    layer = "layer"  # with mean and bias


class Place(Enum):
    """Where a norm stands."""

    attention_in = "what attention reads"
    attention_out = "what attention gives, before it is added to the stream"
    attention_added = "the stream, attention's output added"
    mlp_in = "what the MLP reads"
    mlp_out = "what the MLP gives, before it is added to the stream"
    mlp_added = "the stream, the MLP's output added"
    query = "queries, head by head"
    key = "keys, head by head"
    queries = "the queries of all heads as one vector"
    keys = "the keys of all heads as one vector"


@dataclass(frozen=True)
class Norm:
    """`module`: its name in the layer."""

    module: str
    place: Place
    kind: NormKind = NormKind.rms


@dataclass(frozen=True)
class Block:
    """A layer. `mlp`: of a dense layer; `experts`: each expert's, in a layer that has a `router`."""

    attention: tuple[Linear, ...]
    mlp: tuple[Linear, ...]
    norms: tuple[Norm, ...]
    experts: tuple[Linear, ...] = ()
    router: Linear | None = None

    def linears(self, *, mixture: bool = False) -> tuple[Linear, ...]:
        """All that may be quantized, in the order in which they run; `mixture`: of a layer with experts."""
        return (*self.attention, *(self.experts if mixture else self.mlp))

    @property
    def roles(self) -> frozenset[Role]:
        """What the linears of a dense layer do."""
        return frozenset(self._by_role)

    def linear(self, role: Role) -> Linear:
        """KeyError where the layer (a dense one) has none of that role."""
        return self._by_role[role]

    def modules(self, site: Site) -> tuple[str, ...]:
        """The linears of a dense layer that read the same input, in their order."""
        return tuple(one.module for one in self.linears() if one.site is site)

    def norm(self, place: Place) -> Norm | None:
        return next((one for one in self.norms if one.place is place), None)

    def role_of(self, module: str) -> Role | None:
        """Of a linear by its name in the layer, an expert's with its number; None of anything else. Of a fused one the first."""
        wanted = ".".join(EXPERT if part.isdecimal() else part for part in module.split("."))
        known = (*self.attention, *self.mlp, *self.experts, *((self.router,) if self.router else ()))
        return next((one.roles[0] for one in known if one.module == wanted), None)

    @cached_property
    def _by_role(self) -> dict[Role, Linear]:
        return {role: one for one in self.linears() for role in one.roles}
