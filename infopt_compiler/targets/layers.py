"""Seconds of a whole transformer layer on this machine, in stacks as the artifacts run them.

A layer takes longer than its operators one by one: small nodes between the products, threads that wait for each other,
caches that the neighbours have filled. So the stack is built as the exporter writes it, from random weights, and run.
That neighbouring operators are timed as one kernel: L. L. Zhang et al., nn-Meter, MobiSys 2021, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infopt_compiler.targets.probe_graph import Graph
from infopt_compiler.targets.timing import bound, fastest, in_place

PROMPTS = (8, 32, 128, 512, 1024)  # tokens of one text that attend to each other
BATCHES = (1, 2, 4)  # requests in one step of decoding
KEYS = (32, 1024)  # that a single query attends to
_MOST_BYTES = 256_000_000  # of weights in a stack: far beyond caches
_PROMPT_LAYERS = 4  # with many rows a short stack tells as much


@dataclass(frozen=True)
class Layer:
    """Shapes and format of a layer: `operator` as in `kernels`; without `kv_heads` an encoder's."""

    operator: str
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    width: int
    layers: int

    @classmethod
    def parse(cls, kind: str) -> Layer:
        """`decoder/nbits:4:32:4/576:1536:9:3:64:30`."""
        _, operator, sizes = kind.split("/")
        return cls(operator, *(int(size) for size in sizes.split(":")))

    @property
    def attended(self) -> int:
        return self.heads * self.width

    @property
    def stacked(self) -> int:
        """As many layers as the model has, or as many as fit."""
        rows = self.attended + 2 * self.kv_heads * self.width if self.kv_heads else 3 * self.attended
        wide = 3 if self.kv_heads else 2
        weights = self.hidden * (rows + self.attended + wide * self.inner)
        bits = int(self.operator.split(":")[1]) if self.operator.startswith("nbits") else 32
        return max(2, min(self.layers, int(_MOST_BYTES * 8 / (weights * bits))))


def decoder_layer(layer: Layer, threads: int) -> dict[str, Any]:
    """Seconds of one layer: `step` for each of `BATCHES` a list over `KEYS`, `prompt` for each of `PROMPTS`."""
    return {
        "step": [
            [_decoder(layer, threads, batch, 1, keys, layer.stacked) for keys in KEYS] for batch in BATCHES
        ],
        "prompt": [_decoder(layer, threads, 1, length, length, _PROMPT_LAYERS) for length in PROMPTS],
    }


def encoder_layer(layer: Layer, threads: int) -> dict[str, Any]:
    """Seconds of one layer: `prompt` for each of `PROMPTS` up to 512 in a stack of all layers."""
    count = layer.stacked
    return {"prompt": [_encoder(layer, threads, length, count) for length in PROMPTS]}


def _decoder(layer: Layer, threads: int, batch: int, queries: int, keys: int, count: int) -> float:
    import numpy as np

    graph = Graph()
    x, skip = "x", "x"
    for k in range(count):
        x, skip = graph.decoder_layer(k, x, skip, layer, batch, keys)
    cache = [batch, layer.kv_heads, keys, layer.width]
    pasts = {f"{part}{k}": cache for k in range(count) for part in ("key", "value")}
    session = graph.session({"x": [batch, queries, layer.hidden], **pasts}, [x], threads)
    rng = np.random.default_rng(3)
    given = rng.standard_normal((batch, queries, layer.hidden)).astype(np.float32)
    buffers = {name: rng.standard_normal(cache).astype(np.float32) for name in pasts}
    return fastest(in_place(session, given, buffers)) / count


def _encoder(layer: Layer, threads: int, queries: int, count: int) -> float:
    import numpy as np

    graph, x = Graph(), "x"
    for _ in range(count):
        x = graph.encoder_layer(x, layer)
    session = graph.session({"x": [1, queries, layer.hidden]}, [x], threads)
    given = np.random.default_rng(2).standard_normal((1, queries, layer.hidden)).astype(np.float32)
    return fastest(bound(session, {"x": given})) / count
