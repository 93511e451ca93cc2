"""Seconds of the runtime's own kernels on this machine, at the shapes of a model; runs by itself in a fresh process.

`python -m infopt_compiler.targets.kernels KIND...` prints one JSON line: kind → its constants. A kind names an operator
and the runtime's threads:

    float32:576:960:256@2        MatMul of 576 inputs and 960 outputs, in a model that reads 256 MB for a token
    int8:384:384:16@2            DynamicQuantizeMatMul
    nbits:4:64:0:576:960:64@2    MatMulNBits of 4 bits, groups of 64, accuracy level 0
    gqa:9:3:64@2                 GroupQueryAttention of 9 heads, 3 of keys and values, 64 wide
    mha:12:32@2                  MultiHeadAttention of 12 heads
    decoder/nbits:4:64:4/576:1536:9:3:64:30@2     a layer of a decoder of 30 layers (see `layers`)
    encoder/int8/384:1536:12:0:32:6@2             a layer of an encoder

Chains of one operator, each node with weights of its own, run in onnxruntime as the artifacts do; the fastest of several
runs counts, for noise only slows down. That times of operators add up: L. L. Zhang et al., nn-Meter, MobiSys 2021;
for decoders A. Agrawal et al., Vidur, MLSys 2024.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from infopt_compiler.targets.layers import Layer, decoder_layer, encoder_layer
from infopt_compiler.targets.probe_graph import Graph
from infopt_compiler.targets.timing import bound, fastest, in_place

ROWS = (1, 2, 8, 32, 128, 512, 2048)  # tokens in one product
QUERIES = (16, 128, 512)  # tokens that attend to each other
_FEW = 3  # of `ROWS`: so few that the weights' way counts
_SHORT_WEIGHTS, _MOST_WEIGHTS = 12_000_000, 32_000_000


def measure(kinds: list[str]) -> dict[str, Any]:
    """The constants of each kind, see `products`, `attention` and `layers`."""
    return {kind: _measure(*kind.split("@")) for kind in kinds}


def _measure(kind: str, threads: str) -> Any:
    if kind.startswith("decoder/"):
        return decoder_layer(Layer.parse(kind), int(threads))
    if kind.startswith("encoder/"):
        return encoder_layer(Layer.parse(kind), int(threads))
    if kind.startswith(("gqa", "mha")):
        return attention(kind, int(threads))
    return products(kind, int(threads))


def products(kind: str, threads: int) -> list[float]:
    """Seconds of one product for each of `ROWS`. A matrix beyond 32 M weights is measured narrower and scaled.

    With few rows a product waits for its weights: they come from where a whole model's lie, so a chain of them takes
    as many bytes as the model reads for a token. With many rows a short chain tells as much.
    """
    import numpy as np

    *operator, inputs, outputs, megabytes = kind.split(":")
    width, height = int(inputs), int(outputs)
    kept = min(height, max(16, _MOST_WEIGHTS // width // 16 * 16))
    bits = {"float32": 32, "int8": 8}.get(operator[0]) or int(operator[1])
    longest = max(2, round(int(megabytes) * 8e6 / (width * kept * bits)))
    short = min(longest, max(1, _SHORT_WEIGHTS // (width * kept)))
    found = []
    for count, rows_of in ((longest, ROWS[:_FEW]), (short, ROWS[_FEW:])):
        graph = Graph()
        ends = [graph.product(":".join(operator), "x", width, kept) for _ in range(count)]
        session = graph.session({"x": ["rows", width]}, ends, threads)
        for rows in rows_of:
            x = np.random.default_rng(0).standard_normal((rows, width), np.float32)
            found.append(fastest(bound(session, {"x": x})) / count * height / kept)
    return found


def attention(kind: str, threads: int) -> list[float]:
    """Seconds of one node, `QUERIES` tokens attending to each other."""
    heads = [int(part) for part in kind.split(":")[1:]]
    one = _mha if kind.startswith("mha") else _gqa
    return [one(queries, threads, *heads) for queries in QUERIES]


def _mha(queries: int, threads: int, heads: int, width: int, count: int = 4) -> float:
    import numpy as np

    graph = Graph()
    ends = [graph.mha(heads) for _ in range(count)]
    inner = heads * width
    session = graph.session({name: [1, "queries", inner] for name in "qkv"}, ends, threads)
    x = np.random.default_rng(2).standard_normal((1, queries, inner)).astype(np.float32)
    return fastest(bound(session, dict.fromkeys("qkv", x))) / count


def _gqa(queries: int, threads: int, heads: int, kv_heads: int, width: int, count: int = 4) -> float:
    """Keys and values in place, as the runtime shares them between steps."""
    import numpy as np

    graph = Graph()
    ends = [graph.gqa(k, heads, kv_heads, width, queries) for k in range(count)]
    inner, cache = (heads + 2 * kv_heads) * width, [1, kv_heads, queries, width]
    pasts = {f"{part}{k}": cache for k in range(count) for part in ("key", "value")}
    session = graph.session({"x": [1, "queries", inner], **pasts}, ends, threads)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, queries, inner)).astype(np.float32)
    buffers = {name: rng.standard_normal(cache).astype(np.float32) for name in pasts}
    return fastest(in_place(session, x, buffers)) / count


def _main() -> None:
    sys.stdout.write(json.dumps(measure(sys.argv[1:])) + "\n")


if __name__ == "__main__":
    _main()
