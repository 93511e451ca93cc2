"""Seconds of the runtime's own kernels on this machine, at the shapes of a model; runs by itself in a fresh process.

`python -m infopt_compiler.targets.kernels KIND...` prints one JSON line: kind → its constants. A kind names an operator
and the runtime's threads:

    float32:576:960:256@2        MatMul of 576 inputs and 960 outputs, in a model that reads 256 MB for a token
    int8:384:384:16@2            DynamicQuantizeMatMul
    nbits:4:64:0:576:960:64@2    MatMulNBits of 4 bits, groups of 64, accuracy level 0
    gqa:9:3:64@2                 GroupQueryAttention of 9 heads, 3 of keys and values, 64 wide
    mha:12:32@2                  MultiHeadAttention of 12 heads
    norm@2, layernorm@2, gate@2, gelu@2  what lies between the products, per element

Chains of one operator, each node with weights of its own, run in onnxruntime as the artifacts do; the fastest of several
runs counts, for noise only slows down. That times of operators add up: L. L. Zhang et al., nn-Meter, MobiSys 2021;
for decoders A. Agrawal et al., Vidur, MLSys 2024.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from infopt_compiler.targets.probe_graph import Graph

ROWS = (1, 2, 8, 32, 128, 512, 2048)  # tokens in one product
ELEMENTS = (768, 49_152, 786_432, 3_145_728)  # of an activation
QUERIES = (16, 128, 512)  # tokens that attend to each other
KEYS = (32, 1024)  # that a single query attends to
_FEW = 3  # of `ROWS`: so few that the weights' way counts
_SHORT_WEIGHTS, _MOST_WEIGHTS = 12_000_000, 32_000_000
_CACHE_BYTES = 64_000_000  # of keys and values
_SECONDS, _RUNS = 0.08, 2
_WIDTH = 768


def measure(kinds: list[str]) -> dict[str, Any]:
    """The constants of each kind, see `products`, `attention` and `elementwise`."""
    return {kind: _measure(*kind.split("@")) for kind in kinds}


def _measure(kind: str, threads: str) -> Any:
    if kind in ("norm", "layernorm", "gate", "gelu"):
        return elementwise(kind, int(threads))
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
            found.append(fastest(_bound(session, {"x": x})) / count * height / kept)
    return found


def _bound(session: Any, feeds: dict[str, Any]) -> Callable[[], None]:
    """A run whose outputs stay in the runtime: nothing is copied out."""
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


def fastest(work: Callable[[], None]) -> float:
    """The shortest of the runs that fit into `_SECONDS`, of two at least; the first does not count."""
    work()
    best, stop, runs = float("inf"), time.perf_counter() + _SECONDS, 0
    while runs < _RUNS or time.perf_counter() < stop:
        start = time.perf_counter()
        work()
        best, runs = min(best, time.perf_counter() - start), runs + 1
    return best


def elementwise(kind: str, threads: int) -> list[float]:
    """Seconds of one node (for `gate`, of its two) over each of `ELEMENTS`."""
    import numpy as np

    found = []
    for elements in ELEMENTS:
        graph, count = Graph(), 24
        end = graph.elementwise(kind, "x", count, _WIDTH)
        session = graph.session({"x": [1, "rows", _WIDTH]}, [end], threads)
        x = np.random.default_rng(1).standard_normal((1, elements // _WIDTH, _WIDTH)).astype(np.float32)
        found.append(fastest(_bound(session, {"x": x})) / count)
    return found


def attention(kind: str, threads: int) -> dict[str, list[float]]:
    """Seconds of one node: `single` query against `KEYS` (decoders), `prompt` of `QUERIES` against itself."""
    heads = [int(part) for part in kind.split(":")[1:]]
    if kind.startswith("mha"):
        return {"prompt": [_mha(queries, threads, *heads) for queries in QUERIES]}
    return {
        "single": [_gqa(1, keys, threads, *heads) for keys in KEYS],
        "prompt": [_gqa(queries, queries, threads, *heads) for queries in QUERIES],
    }


def _mha(queries: int, threads: int, heads: int, width: int, count: int = 4) -> float:
    import numpy as np

    graph = Graph()
    ends = [graph.mha(heads) for _ in range(count)]
    inner = heads * width
    session = graph.session({name: [1, "queries", inner] for name in "qkv"}, ends, threads)
    x = np.random.default_rng(2).standard_normal((1, queries, inner)).astype(np.float32)
    return fastest(_bound(session, dict.fromkeys("qkv", x))) / count


def _gqa(queries: int, keys: int, threads: int, heads: int, kv_heads: int, width: int) -> float:
    """Keys and values in place, as the runtime shares them between steps; of many layers, so that they come from memory."""
    import numpy as np

    count = 4 if queries > 1 else max(4, min(64, _CACHE_BYTES // (8 * kv_heads * keys * width)))

    graph = Graph()
    ends = [graph.gqa(k, heads, kv_heads, width, keys) for k in range(count)]
    inner = (heads + 2 * kv_heads) * width
    cache = [1, kv_heads, keys, width]
    pasts = {f"{part}{k}": cache for k in range(count) for part in ("key", "value")}
    session = graph.session({"x": [1, "queries", inner], **pasts}, ends, threads)
    rng = np.random.default_rng(3)
    binding = session.io_binding()
    binding.bind_cpu_input("x", rng.standard_normal((1, queries, inner)).astype(np.float32))
    buffers = {name: rng.standard_normal(cache).astype(np.float32) for name in pasts}
    for name, buffer in buffers.items():
        binding.bind_cpu_input(name, buffer)
        place = ("cpu", 0, np.float32, cache, buffer.ctypes.data)
        binding.bind_output(f"present_{name}", *place)
    for end in ends:
        binding.bind_output(end)
    return fastest(lambda: session.run_with_iobinding(binding)) / count


def _main() -> None:
    sys.stdout.write(json.dumps(measure(sys.argv[1:])) + "\n")


if __name__ == "__main__":
    _main()
