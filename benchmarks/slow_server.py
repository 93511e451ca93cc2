"""The serving process of the compiler, made slower by a known share: after each token it waits `SLOWDOWN` - 1 of what
that token took. Only the benchmark starts it; the product has no such switch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from infopt_compiler.measure.serving.serve import main
from infopt_compiler.runtimes.genai.serve import GenaiServer

SLOWDOWN = 1.05


class SlowServer(GenaiServer):
    """Waits by spinning: a sleep is longer than asked for by as much as the wait itself."""

    def generate(self, *arguments: Any) -> Iterator[None]:
        tokens = super().generate(*arguments)
        start = time.perf_counter()
        for _ in tokens:
            end = time.perf_counter()
            until = end + (SLOWDOWN - 1) * (end - start)
            while time.perf_counter() < until:
                pass
            yield
            start = time.perf_counter()


if __name__ == "__main__":
    main(lambda runtime: SlowServer)
