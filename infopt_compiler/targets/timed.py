"""Times of a model as the sum of its kernels' times on this machine: what the runtime runs, operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.model_spec import WeightFormat
from infopt_compiler.targets.kernels import ELEMENTS, KEYS, QUERIES, ROWS
from infopt_compiler.targets.model import Target

Rates = Mapping[str, Any]  # kind → its constants, as `kernel_rates` gives them

_MOST_MEGABYTES = 256
_TEXT_SECONDS = 0.4e-3  # a prompt through the tokenizer and its chat template
_TOKEN_SECONDS = 2e-9  # per entry of the vocabulary: the runtime's search over the logits


@dataclass(frozen=True)
class Kernels:
    """The kinds of kernel that a model needs; `products` with how many of each there are in a layer."""

    products: tuple[str, ...]
    head: str | None
    attention: str
    between: str  # gate or gelu
    norm: str

    def __iter__(self) -> Any:
        yield from dict.fromkeys((*self.products, self.attention, self.between, self.norm))
        if self.head:
            yield self.head


def kernels_of(spec: ModelSpec, target: Target) -> Kernels:
    """What the exported artifact of `spec` runs: joined queries, keys and values, as the exporter writes them."""
    threads = _threads(spec, target)
    level = 4 if spec.tuned else 0
    size = _megabytes(spec)

    def product(weights: WeightFormat, rows: int, columns: int, level: int) -> str:
        if weights.bits >= 16:
            return f"float32:{columns}:{rows}:{size}@{threads}"
        if spec.is_encoder:
            return f"int8:{columns}:{rows}:{size}@{threads}"
        return f"nbits:{weights.bits}:{weights.group}:{level}:{columns}:{rows}:{size}@{threads}"

    shapes = [product(spec.linear, *shape, level) for shape in _joined(spec)]
    if spec.is_encoder:
        names = (f"mha:{spec.heads}:{spec.head_dim}", "gelu", "layernorm")
        return Kernels(tuple(shapes), None, *(f"{name}@{threads}" for name in names))
    head = product(spec.head, spec.vocabulary, spec.hidden, 0)
    names = (f"gqa:{spec.heads}:{spec.kv_heads}:{spec.head_dim}", "gate", "norm")
    return Kernels(tuple(shapes), head, *(f"{name}@{threads}" for name in names))


def _joined(spec: ModelSpec) -> list[tuple[int, int]]:
    """(outputs, inputs) of the products of a layer."""
    shapes = list(spec.linear_shapes().values())
    if spec.is_encoder:
        return shapes
    (q, hidden), (k, _), (v, _) = shapes[:3]
    return [(q + k + v, hidden), *shapes[3:]]


def _threads(spec: ModelSpec, target: Target) -> int:
    """onnxruntime-genai takes half of the cores unless it is told; `tune` tells it."""
    return target.cores if spec.is_encoder or spec.tuned else max(1, target.cores // 2)


def _megabytes(spec: ModelSpec) -> int:
    """Of the weights that a token reads: the next power of two."""
    size = 8
    while size < min(_MOST_MEGABYTES, max(spec.bytes_per_token, spec.linear_bytes) / 1e6):
        size *= 2
    return size


def prefill_seconds(spec: ModelSpec, target: Target, rates: Rates, prompt: int, batch: int) -> float:
    """One forward pass over `batch` prompts; a decoder's gives the first tokens (of a tuned one: the head sees only them)."""
    kinds = kernels_of(spec, target)
    rows = prompt * batch
    layer = sum(_at(rates[kind], rows) for kind in kinds.products)
    layer += _attended(rates[kinds.attention]["prompt"], prompt) * batch
    total = spec.layers * (layer + _between(spec, rates, kinds, rows))
    if kinds.head:
        total += _at(rates[kinds.head], batch if spec.tuned else rows)
        total += _search(spec, batch)
    return float(total + (0.0 if spec.is_encoder else _TEXT_SECONDS))


def step_seconds(spec: ModelSpec, target: Target, rates: Rates, keys: float, batch: int) -> float:
    """One token of each of `batch` requests, the cache holding `keys` tokens of each."""
    kinds = kernels_of(spec, target)
    assert kinds.head is not None
    layer = sum(_at(rates[kind], batch) for kind in kinds.products)
    few, many = rates[kinds.attention]["single"]
    layer += max(few, few + (many - few) * (keys - KEYS[0]) / (KEYS[1] - KEYS[0])) * batch
    total = spec.layers * (layer + _between(spec, rates, kinds, batch))
    return float(total + _at(rates[kinds.head], batch) + _search(spec, batch))


def _search(spec: ModelSpec, batch: int) -> float:
    return _TOKEN_SECONDS * spec.vocabulary * batch


def _between(spec: ModelSpec, rates: Rates, kinds: Kernels, rows: int) -> float:
    """Two norms and the activation of one layer; an encoder adds biases to queries, keys and values besides."""
    active = rows * (spec.intermediate + (3 * spec.hidden if spec.is_encoder else 0))
    norms = 2 * _on_line(ELEMENTS, rates[kinds.norm], rows * spec.hidden)
    return norms + _on_line(ELEMENTS, rates[kinds.between], active)


def _at(seconds: list[float], rows: int) -> float:
    return _on_line(ROWS, seconds, rows)


def _on_line(points: tuple[int, ...], seconds: list[float], at: float) -> float:
    """Between the measured points on a straight line, beyond them in proportion."""
    if at >= points[-1]:
        return seconds[-1] * at / points[-1]
    for (low, first), (high, second) in pairwise(zip(points, seconds, strict=True)):
        if at <= high:
            return max(0.0, first + (second - first) * (at - low) / (high - low))
    return seconds[-1]


def _attended(seconds: list[float], queries: int) -> float:
    """Between the measured lengths by the power that joins them, beyond them by the square."""
    if queries >= QUERIES[-1]:
        return seconds[-1] * (queries / QUERIES[-1]) ** 2
    low, high = (0, 1) if queries <= QUERIES[1] else (1, 2)
    power = log(seconds[high] / seconds[low]) / log(QUERIES[high] / QUERIES[low])
    return seconds[low] * exp(power * log(max(1, queries) / QUERIES[low]))
