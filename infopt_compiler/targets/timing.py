"""Runs of a session that copy nothing, and the time of the fastest."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_SECONDS, _RUNS = 0.08, 2


def bound(session: Any, feeds: dict[str, Any]) -> Callable[[], None]:
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


def in_place(session: Any, x: Any, buffers: dict[str, Any]) -> Callable[[], None]:
    """A run in which keys and values are written where they are read. `buffers` must live as long."""
    import numpy as np

    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    for name, buffer in buffers.items():
        binding.bind_cpu_input(name, buffer)
        place = ("cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)
        binding.bind_output(f"present_{name}", *place)
    for output in session.get_outputs():
        if not output.name.startswith("present_"):
            binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)
