"""Times of a model from whole layers and a head that are timed on this machine (`layers`, `kernels`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.model_spec import WeightFormat
from infopt_compiler.targets.kernels import QUERIES, ROWS
from infopt_compiler.targets.layers import BATCHES, KEYS, PROMPTS
from infopt_compiler.targets.model import Target

Rates = Mapping[str, Any]  # kind → its constants, as `kernel_rates` gives them

_MOST_MEGABYTES = 256
_TEXT_SECONDS = 0.4e-3  # a prompt through the tokenizer and its chat template
_TOKEN_SECONDS = (
    1.8e-8  # per entry of the vocabulary: the runtime's search over the logits, and the stream of text
)
_AT_HAND, _FRESH_SECONDS = (
    20e6,
    4.2e-10,
)  # bytes; for each further one (contexts of 128 to 2048 tokens of SmolLM2)
_ENCODER_SECONDS = 0.15e-3  # around an encoder's layers: embedding, pooling
_SPLIT_SECONDS = (0.1e-3, 2.2e-6)  # of an encoder's tokenizer: for a request and for each token


@dataclass(frozen=True)
class Kernels:
    """The kinds that a model needs. `heads`: those that `tune` would choose the faster one of; none of an encoder."""

    layer: str
    attention: str
    heads: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        yield from (self.layer, self.attention, *self.heads)


def kernels_of(spec: ModelSpec, target: Target) -> Kernels:
    """What the exported artifact of `spec` runs."""
    threads = _threads(spec, target)
    kv_heads = spec.kv_heads if spec.family.generates else 0
    sizes = (spec.hidden, spec.intermediate, spec.heads, kv_heads, spec.head_dim)
    shape = ":".join(map(str, (*sizes, spec.layers)))
    if not spec.family.generates:
        operator = "int8" if spec.linear.bits < 16 else "float32"
        return Kernels(f"encoder/{operator}/{shape}@{threads}", f"mha:{spec.heads}:{spec.head_dim}@{threads}", ())  # fmt: skip
    layer = f"decoder/{_operator(spec.linear, spec.served.level)}/{shape}@{threads}"
    attention = f"gqa:{spec.heads}:{spec.kv_heads}:{spec.head_dim}@{threads}"
    levels = (0, 4) if spec.served.head_level is None else (spec.served.head_level,)
    matrix = f"{spec.hidden}:{spec.vocabulary}:{_megabytes(spec)}@{threads}"
    heads = dict.fromkeys(f"{_operator(spec.head, level)}:{matrix}" for level in levels)
    return Kernels(layer, attention, tuple(heads))


def _operator(weights: WeightFormat, level: int) -> str:
    return "float32" if weights.bits >= 16 else f"nbits:{weights.bits}:{weights.group}:{level}"


def _threads(spec: ModelSpec, target: Target) -> int:
    """onnxruntime-genai takes half of the cores unless it is told; `tune` tells it."""
    if not spec.family.generates or spec.served.threads is None:
        return target.cores
    return spec.served.threads or max(1, target.cores // 2)


def _megabytes(spec: ModelSpec) -> int:
    """Of the weights that a token reads: the next power of two."""
    size = 8
    while size < min(_MOST_MEGABYTES, max(spec.bytes_per_token, spec.linear_bytes) / 1e6):
        size *= 2
    return size


def text_seconds(prompt: int, batch: int) -> float:
    """What an encoder's tokenizer takes."""
    return _SPLIT_SECONDS[0] + _SPLIT_SECONDS[1] * prompt * batch


def cache_seconds(size: float) -> float:
    """What onnxruntime-genai takes to set up `size` bytes of keys and values for a request. Memory up to some 20 MB is at hand
    from the request before; more is mapped anew, filled with zeros, and given back."""
    return _FRESH_SECONDS * max(0.0, size - _AT_HAND)


def prefill_seconds(spec: ModelSpec, target: Target, rates: Rates, prompt: int, batch: int) -> float:
    """One forward pass over `batch` prompts; a decoder's gives the first tokens (of a pruned head: all that it sees)."""
    kinds = kernels_of(spec, target)
    layer, attention = rates[kinds.layer]["prompt"], rates[kinds.attention]
    rows = prompt * batch
    seconds = _on_curve(PROMPTS, layer, rows)
    if batch > 1:  # the rows of the products are those of all texts, but each attends to its own
        products = [
            max(whole / 20, whole - _on_curve(QUERIES, attention, length))
            for length, whole in zip(PROMPTS, layer, strict=True)
        ]
        seconds = _on_line(PROMPTS, products, rows) + batch * _on_curve(QUERIES, attention, prompt)
    total = spec.layers * seconds
    if not kinds.heads:
        return float(total + _ENCODER_SECONDS)
    head = _head(rates, kinds, batch if spec.served.pruned else rows)
    return float(total + head + _search(spec, batch) + _TEXT_SECONDS)


def step_seconds(spec: ModelSpec, target: Target, rates: Rates, keys: float, batch: int) -> float:
    """One token of each of `batch` requests, the cache holding `keys` tokens of each."""
    kinds = kernels_of(spec, target)
    ends = [
        _on_chords(BATCHES, list(seconds), batch) for seconds in zip(*rates[kinds.layer]["step"], strict=True)
    ]
    layer = ends[0] + max(0.0, ends[1] - ends[0]) * (keys - KEYS[0]) / (KEYS[1] - KEYS[0])
    return float(spec.layers * layer + _head(rates, kinds, batch) + _search(spec, batch))


def _head(rates: Rates, kinds: Kernels, rows: int) -> float:
    return min(_on_line(ROWS, rates[kind], rows) for kind in kinds.heads)


def _search(spec: ModelSpec, batch: int) -> float:
    return _TOKEN_SECONDS * spec.vocabulary * batch


def _on_line(points: tuple[int, ...], seconds: list[float], at: float) -> float:
    """Between the measured points on a straight line, above them in proportion."""
    if at >= points[-1]:
        return seconds[-1] * at / points[-1]
    for (low, first), (high, second) in pairwise(zip(points, seconds, strict=True)):
        if at <= high:
            return max(0.0, first + (second - first) * (at - low) / (high - low))
    return seconds[-1]


def _on_chords(points: tuple[int, ...], seconds: list[float], at: float) -> float:
    """Between the measured points, and beyond the last ones, on the straight line through the nearest two."""
    pairs = list(pairwise(zip(points, seconds, strict=True)))
    (low, first), (high, second) = next((pair for pair in pairs if at <= pair[1][0]), pairs[-1])
    return first + (second - first) * (at - low) / (high - low)


def _on_curve(points: tuple[int, ...], seconds: list[float], at: float) -> float:
    """Between the measured points, and beyond them, by the power that joins the nearest two."""
    pairs = list(pairwise(zip(points, seconds, strict=True)))
    (low, first), (high, second) = next((pair for pair in pairs if at <= pair[1][0]), pairs[-1])
    power = log(second / first) / log(high / low)
    return first * exp(power * log(max(1.0, at) / low))
