"""Measured constants of this machine: read bandwidth and fp32 matmul rate. Runs by itself in a fresh process.

`python -m infopt_compiler.targets.probe` prints one JSON line. Each thread reads its own buffer, far larger than
the last-level cache; matmul runs on all allowed cores. The best of several rounds counts: noise only slows down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

VERSION = 2
_AGAIN = 600.0  # seconds after which a machine that others used while it was probed is probed anew
_ROUNDS = 5
_SIDE = 1536  # of the square matrices: 28 MB in all, 7 GFLOP a product
_LONGEST = 120  # seconds that the whole probe may take
_SECONDS = 0.7  # each of the two loops stops after this long


@dataclass(frozen=True)
class Probe:
    """`bandwidth` in bytes/s, `flops` in fp32 operations/s (a multiply-add counts two), of all allowed cores.

    `disturbed`: others used the cores meanwhile, so the machine can do more than that.
    """

    bandwidth: float
    flops: float
    seconds: float
    disturbed: bool = False

    def best_of(self, other: Probe) -> Probe:
        """Of two probes of one machine the higher rates: noise only slows down."""
        bandwidth, flops = max(self.bandwidth, other.bandwidth), max(self.flops, other.flops)
        return Probe(bandwidth, flops, self.seconds, self.disturbed and other.disturbed)


def probe(cache_root: Path | None = None) -> Probe:
    """This machine's constants: from the cache under the machine's digest, else measured (about 3 s).

    Raises OSError where the cache cannot be written, RuntimeError where the probe fails.
    """
    from infopt_compiler.artifacts.durable import write_json
    from infopt_compiler.targets.machine import machine_digest, machine_identity

    path = (cache_root or _cache_root()) / "machine" / f"{machine_digest()}.json"
    known, at = _read(path)
    now = time.time()
    if known is not None and (not known.disturbed or 0 <= now - at < _AGAIN):
        return known
    measured = measure() if known is None else measure().best_of(known)
    record = {"version": VERSION, "at": now, "probe": asdict(measured), "machine": machine_identity()}
    write_json(path, record)
    return measured


def measure() -> Probe:
    """Run the probe in a child process; RuntimeError with its last words if it fails."""
    from infopt_compiler.targets.counters import BUSY_SHARE, others_share, read_counters

    before = read_counters()
    command = [sys.executable, "-P", "-m", "infopt_compiler.targets.probe"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the probe of this machine gave no answer in {_LONGEST} s") from None
    if child.returncode != 0:
        raise RuntimeError(f"the probe of this machine failed: {child.stderr.strip()[-500:]}")
    disturbed = others_share(before, read_counters()) > BUSY_SHARE
    return Probe(**json.loads(child.stdout.splitlines()[-1]), disturbed=disturbed)


def _cache_root() -> Path:
    from infopt_compiler.artifacts.store import cache_root

    return cache_root()


def _read(path: Path) -> tuple[Probe | None, float]:
    """What was kept, and when (Unix seconds) it was probed."""
    try:
        record = json.loads(path.read_text("utf-8"))
        if record["version"] == VERSION:
            return Probe(**record["probe"]), float(record["at"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None, 0.0


def _main() -> None:
    from infopt_compiler.targets.machine import allowed_cores, last_level_cache, memory_bytes

    cores = allowed_cores()
    # One BLAS thread per reading thread; matmul below asks for all cores again by threads of its own.
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    start = time.perf_counter()
    room = min(max(8 * last_level_cache(), 512 * 2**20), memory_bytes() // 8)
    result = {"bandwidth": _bandwidth(cores, room), "flops": _flops(cores)}
    sys.stdout.write(json.dumps({**result, "seconds": time.perf_counter() - start}) + "\n")


def _bandwidth(cores: int, room: int) -> float:
    import numpy as np

    buffers = [np.ones(room // cores // 4, dtype=np.float32) for _ in range(cores)]
    nbytes = sum(buffer.nbytes for buffer in buffers)
    return _best(lambda: _parallel(lambda k: np.dot(buffers[k], buffers[k]), cores), nbytes)


def _flops(cores: int) -> float:
    """Each core multiplies its own rows of one square product."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((_SIDE, _SIDE), dtype=np.float32) for _ in range(2))
    rows = np.array_split(np.arange(_SIDE), cores)
    parts = [np.ascontiguousarray(a[part]) for part in rows]
    return _best(lambda: _parallel(lambda k: parts[k] @ b, cores), 2.0 * _SIDE**3)


def _parallel(work: Callable[[int], Any], threads: int) -> None:
    """`work(k)` on that many threads at once; numpy lets go of the interpreter's lock inside."""
    running = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def _best(work: Callable[[], None], amount: float) -> float:
    work()  # pages touched, caches and clocks warm
    best, stop = 0.0, time.perf_counter() + _SECONDS
    for round_number in range(50):
        start = time.perf_counter()
        work()
        end = time.perf_counter()
        best = max(best, amount / (end - start))
        if end > stop and round_number + 1 >= _ROUNDS:
            break
    return best


if __name__ == "__main__":
    _main()
