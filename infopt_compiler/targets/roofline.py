"""Times by a roofline, for machines that are not at hand: bytes over bandwidth, operations over their rate, and nodes.

Decode reads every weight once per token and the keys and values so far; each graph node adds an overhead.
Prefill computes two operations per weight and token. Source: S. Williams et al., Roofline, CACM 52(4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.targets.memory import KV_BYTES
from infopt_compiler.targets.model import Target

# 5 matrix products, attention, 2 norms, 3 of the activation: the builder's decoder graph
_NODES_PER_LAYER = 11
_NODES_AROUND = 8  # embedding, masks, last norm, head
_MATMUL_SHARE = 0.6  # of the matmul rate that prefill of small matrices reaches


class _Prompts(Protocol):
    @property
    def prompt(self) -> float: ...
    @property
    def batch(self) -> float: ...


@dataclass(frozen=True)
class Prompts:
    """Tokens of each prompt, on average, and how many there are."""

    prompt: float
    batch: float


def roofline_prefill(spec: ModelSpec, target: Target, prompt: int, batch: int) -> tuple[float, str]:
    """Seconds of one forward pass over `batch` prompts, and the arithmetic."""
    operations = sum(prefill_parts(spec, Prompts(prompt, batch)))
    nodes, rate = _nodes(spec), target.flops * _MATMUL_SHARE
    seconds = max(spec.bytes_per_token / target.bandwidth, operations / rate) + nodes * target.node_seconds
    text = f"{operations / 1e9:.3g} GFLOP / ({_MATMUL_SHARE} x {target.flops / 1e9:.4g} GFLOP/s) + nodes"
    return seconds, text


def roofline_step(spec: ModelSpec, target: Target, keys: int, batch: int) -> tuple[float, str]:
    """Seconds of one token of each of `batch` requests, and the arithmetic."""
    nodes, cache = _nodes(spec), float(spec.kv_bytes(keys, KV_BYTES) * batch)
    operations = 2.0 * (spec.linear_parameters + spec.head_parameters) * batch
    read = (spec.bytes_per_token + cache) / target.bandwidth
    seconds = max(read, operations / (target.flops * _MATMUL_SHARE)) + nodes * target.node_seconds
    text = (
        f"({spec.bytes_per_token / 1e6:.4g} MB weights + {cache / 1e6:.4g} MB KV) / {target.bandwidth / 1e9:.3g} GB/s "
        f"+ {nodes} nodes x {target.node_seconds * 1e6:.3g} us"
    )
    return seconds, text


def prefill_parts(spec: ModelSpec, scenario: _Prompts) -> tuple[float, float, float]:
    """Operations of the linears over every prompt token, of attention's two products (a decoder's tokens see those before
    them: half of all pairs), of the head once per request."""
    linears = 2.0 * spec.linear_parameters * scenario.prompt
    pairs = scenario.prompt**2 * (0.5 if spec.family.generates else 1.0)
    attention = 4.0 * spec.layers * spec.heads * spec.head_dim * pairs
    return linears * scenario.batch, attention * scenario.batch, 2.0 * spec.head_parameters * scenario.batch


def _nodes(spec: ModelSpec) -> int:
    return spec.layers * _NODES_PER_LAYER + _NODES_AROUND
