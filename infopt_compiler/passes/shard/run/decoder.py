"""The layers of a rank: Megatron's cut (arXiv 1909.08053), one sum over the tensor group behind attention and behind the network.

Own code and not transformers' modules: those load whole checkpoints through mapped files and know neither cut integers nor
a cache for each stage. That it computes the same function is proven against transformers whenever a model is sharded.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from infopt_compiler.architectures import Place, Role

from .architecture import Architecture
from .attention import Cache, Partial, Positions, Rotary, attend, merged, rotate
from .experts import Experts, router_name
from .groups import Groups
from .matrices import activate
from .weights import RankWeights


@dataclass(frozen=True)
class Feed:
    """Positions that go through the stage together; `prefill` with a chunk of the prompt for each of the sequence group."""

    positions: Positions
    prefill: bool
    kept: bool = (
        True  # this rank's cache takes the keys and values (in decode one of the sequence group does)
    )


class Norm:
    """Root mean square norm, computed in float32."""

    def __init__(self, gain: Tensor, epsilon: float) -> None:
        self._gain, self._epsilon = gain, epsilon

    def __call__(self, x: Tensor) -> Tensor:
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self._epsilon)
        return self._gain * scaled.to(x.dtype)


class RowParallel:
    """Weights cut along their inputs: the parts' outputs are summed over the tensor group, the bias is added once."""

    def __init__(self, weights: RankWeights, module: str, groups: Groups) -> None:
        self._matrix, self._bias = weights.matrix(module, bias=False), weights.bias(module)
        self._cut, self._groups = weights.is_cut(module, 1), groups

    def __call__(self, x: Tensor) -> Tensor:
        out = self._matrix(x)
        if self._cut:
            out = self._groups.sum_tensor(out)
        return out if self._bias is None else out + self._bias


class Attention:
    def __init__(self, index: int, weights: RankWeights, architecture: Architecture, groups: Groups) -> None:
        prefix, block, numbers = (
            architecture.names.layer(index),
            architecture.family.block,
            architecture.numbers,
        )
        self._q, self._k, self._v = (
            weights.matrix(prefix + block.linear(role).module) for role in (Role.query, Role.key, Role.value)
        )
        self._o = RowParallel(weights, prefix + block.linear(Role.attention_out).module, groups)
        self._norms = [_norm(index, place, weights, architecture) for place in (Place.query, Place.key)]
        self._index, self._groups, self._channels = index, groups, architecture.head_dim
        self._rotated, self._window = numbers.rotated[index], architecture.window
        self._scale = numbers.attention_scale

    def __call__(self, x_BTE: Tensor, feed: Feed, cache: Cache, tables: tuple[Tensor, Tensor]) -> Tensor:
        q, k = (
            self._rotate(self._heads(matrix(x_BTE)), norm, tables)
            for matrix, norm in zip((self._q, self._k), self._norms, strict=True)
        )
        v = self._heads(self._v(x_BTE))
        if feed.kept:
            cache.add(self._index, k, v)
        out_BHTD = self._spread(q, k, v, feed) if feed.prefill else self._cached(q, feed, cache)
        return self._o(out_BHTD.transpose(1, 2).flatten(2))

    def _heads(self, x_BTE: Tensor) -> Tensor:
        return x_BTE.unflatten(2, (-1, self._channels)).transpose(1, 2)

    def _rotate(self, x_BHTD: Tensor, norm: Norm | None, tables: tuple[Tensor, Tensor]) -> Tensor:
        if norm is not None:
            x_BHTD = norm(x_BHTD)
        return rotate(x_BHTD, tables) if self._rotated else x_BHTD

    def _spread(self, q: Tensor, k: Tensor, v: Tensor, feed: Feed) -> Tensor:
        """Prefill: the keys and values of all chunks are gathered, later chunks masked."""
        chunk, column_T = k.shape[2], feed.positions.column_T
        keys, values = (torch.cat(self._groups.gather_sequence(x), dim=2) for x in (k, v))
        end = (self._groups.at.sequence + 1) * chunk
        columns = torch.arange(end, device=column_T.device)
        allowed = feed.positions.allowed(columns, self._window)
        return attend(q, keys[:, :, :end], values[:, :, :end], allowed, self._scale).out_BHTD

    def _cached(self, q: Tensor, feed: Feed, cache: Cache) -> Tensor:
        """Decode: each of the sequence group attends to what it holds, and the results are merged."""
        new = feed.positions.column_T if feed.kept else feed.positions.column_T[:0]
        keys, values, columns = cache.read(self._index, new)
        part = attend(q, keys, values, feed.positions.allowed(columns, self._window), self._scale)
        if self._groups.mesh.sequence == 1:
            return part.out_BHTD
        gathered = [self._groups.gather_sequence(x) for x in (part.out_BHTD, part.maximum_BHT, part.sum_BHT)]
        return merged([Partial(*parts) for parts in zip(*gathered, strict=True)])


class Network:
    """Gate, up and down."""

    def __init__(self, index: int, weights: RankWeights, architecture: Architecture, groups: Groups) -> None:
        prefix, block = architecture.names.layer(index), architecture.family.block
        self._gate, self._up = (
            weights.matrix(prefix + block.linear(role).module) for role in (Role.gate, Role.up)
        )
        self._down = RowParallel(weights, prefix + block.linear(Role.down).module, groups)
        self._activation = architecture.numbers.activation

    def __call__(self, x: Tensor) -> Tensor:
        return self._down(activate(self._gate(x), self._activation) * self._up(x))


class Stage:
    """The layers `first` to `last` - 1; the first stage also embeds, the last one gives logits."""

    def __init__(
        self,
        weights: RankWeights,
        architecture: Architecture,
        layers: range,
        groups: Groups,
        device: torch.device,
    ) -> None:
        self.layers, self.groups = layers, groups
        self._weights, self._architecture, self._device = weights, architecture, device
        self._numbers, names = architecture.numbers, architecture.names
        assert self._numbers.rope is not None  # `Architecture` refuses others
        self._rotary = Rotary(self._numbers.rope, architecture.head_dim, device)
        self._embedding = names.embedding
        self._layers = [_layer(index, weights, architecture, groups) for index in layers]
        if groups.last:
            self._norm = Norm(weights.vector(f"{names.last_norm}.weight"), self._numbers.epsilon)
            own_head = weights.has(f"{names.head}.weight") or weights.has(f"{names.head}.qweight")
            module = names.head if own_head else names.embedding
            self._head, self._head_cut = weights.matrix(module), weights.is_cut(module, 0)
            self._head_start = _first_row(weights, module)

    def embed(self, ids_BT: Tensor) -> Tensor:
        """Hidden states (B, T, E): rows that this rank holds, and the sum brings the others'."""
        table = self._weights.matrix(self._embedding)
        if not self._weights.is_cut(self._embedding, 0):
            return _scaled(table.rows(ids_BT), self._numbers.embedding_scale)
        first, last = self._weights.part(f"{self._embedding}.weight")[0]
        here = (ids_BT >= first) & (ids_BT < last)
        rows = table.rows(torch.where(here, ids_BT - first, 0)).masked_fill_(~here[..., None], 0.0)
        return _scaled(self.groups.sum_tensor(rows), self._numbers.embedding_scale)

    def forward(self, x_BTE: Tensor, feed: Feed, cache: Cache) -> Tensor:
        tables = self._rotary.tables(feed.positions.position_BT)
        scale = self._numbers.residual_scale
        for before, attention, between, network in self._layers:
            x_BTE = x_BTE + _scaled(attention(before(x_BTE), feed, cache, tables), scale)
            x_BTE = x_BTE + _scaled(network(between(x_BTE)), scale)
        if feed.kept:
            cache.advance(feed.positions.column_T)
        return x_BTE

    def logits(self, x_NE: Tensor) -> Tensor:
        """This rank's part of the vocabulary, float32."""
        return _scaled(self._head(self._norm(x_NE)).float(), 1 / self._numbers.logits_divisor)

    def whole_logits(self, part_NV: Tensor) -> Tensor:
        """All of the vocabulary, from the parts of the tensor group."""
        return torch.cat(self.groups.gather_tensor(part_NV), dim=-1) if self._head_cut else part_NV

    def best(self, part_BV: Tensor) -> Tensor:
        """The greedy tokens (B), the same on all of the tensor group; of equal logits the lowest token wins."""
        value, token = part_BV.max(-1)
        if not self._head_cut:
            return token
        found = torch.stack([value.double(), (token + self._head_start).double()])
        parts = torch.stack(self.groups.gather_tensor(found))
        winner = parts[:, 0].argmax(0)
        return parts[:, 1].gather(0, winner[None])[0].long()

    def cache(self, batch: int, slots: int, dtype: torch.dtype) -> Cache:
        """An empty cache for this rank's layers and key heads."""
        key = self._architecture.family.block.linear(Role.key).module
        module = self._architecture.names.layer(self.layers[0]) + key
        rows = self._weights.part(_rows_name(self._weights, module))[0]
        heads = (rows[1] - rows[0]) // self._architecture.head_dim
        return Cache(self.layers, (batch, heads, self._architecture.head_dim), slots, dtype, self._device)


def _layer(
    index: int, weights: RankWeights, architecture: Architecture, groups: Groups
) -> tuple[Norm, Attention, Norm, Network | Experts]:
    before, between = (
        _norm(index, place, weights, architecture) for place in (Place.attention_in, Place.mlp_in)
    )
    assert before is not None and between is not None  # `Architecture` refuses others
    network: Network | Experts
    if (router := router_name(architecture.names.layer(index), weights, architecture)) is not None:
        network = Experts(index, router, weights, architecture, groups)
    else:
        network = Network(index, weights, architecture, groups)
    return before, Attention(index, weights, architecture, groups), between, network


def _norm(index: int, place: Place, weights: RankWeights, architecture: Architecture) -> Norm | None:
    """None where the layer has no norm there."""
    found = architecture.family.block.norm(place)
    if found is None:
        return None
    name = f"{architecture.names.layer(index)}{found.module}.weight"
    return Norm(weights.vector(name), architecture.numbers.epsilon)


def _scaled(x: Tensor, factor: float) -> Tensor:
    return x if factor == 1.0 else x * factor


def _rows_name(weights: RankWeights, module: str) -> str:
    return f"{module}.weight" if weights.has(f"{module}.weight") else f"{module}.qweight"


def _first_row(weights: RankWeights, module: str) -> int:
    return weights.part(_rows_name(weights, module))[0][0]
