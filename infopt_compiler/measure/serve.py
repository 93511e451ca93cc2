"""The serving process: `python -m infopt_compiler.measure.serve` reads one JSON job from stdin and writes JSON lines.

It opens one artifact with the runtime that a user would use, warms up, and times requests. It imports that
runtime and little else: its resident set is what `memory.peak` reports.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from infopt_compiler.measure.runtimes.server import Server, opener, runtime_of
from infopt_compiler.measure.samples import Request
from infopt_compiler.measure.scenario import Scenario


def resident_bytes() -> tuple[int, int]:
    """(VmHWM, VmRSS) of this process: the highest resident set since its start, and the one of now."""
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        high, now = (int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))
        return high, now
    import resource

    import psutil

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024), psutil.Process().memory_info().rss


def run_request(
    server: Server, text: str, prepare: Callable[[str], list[int]], scenario: Scenario
) -> Request:
    """One request from its text to its last token. `prepare` is the chat template and the tokenizer."""
    clock = time.perf_counter
    submitted = clock()
    ids = prepare(text)
    encoded = clock()
    times = []
    for _ in server.generate(ids, scenario.batch, scenario.generate, scenario.max_length):
        times.append(clock())
    gaps = tuple(later - earlier for earlier, later in pairwise(times))
    return Request(
        ttft=times[0] - submitted,
        prefill=times[0] - encoded,
        latency=times[-1] - submitted,
        gaps=gaps,
        prompt_tokens=len(ids),
        sequences=scenario.batch,
    )


def prepare_prompts(
    server: Server, scenario: Scenario, count: int, seed: int
) -> tuple[list[str], Callable[[str], list[int]], bool]:
    """Texts, how they become ids, and whether the chat template is part of it (not where it alone is too long)."""
    from infopt_compiler.measure.prompts import make_prompts

    def templated(text: str) -> list[int]:
        return server.encode(server.chat(text) or text)

    texts = make_prompts(templated, scenario.prompt, count, seed)
    if texts is not None:
        return texts, templated, server.chat("") is not None
    plain = make_prompts(server.encode, scenario.prompt, count, seed)
    return plain or ["a"] * count, server.encode, False


def serve(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    """Open, warm up, run; `emit` gets a `ready`, one `request` each, and an `end` with memory and wall time."""
    folder, scenario = Path(job["folder"]), Scenario(**job["scenario"])
    open_model = opener(runtime_of(folder))
    start = time.perf_counter()
    server = open_model(folder)
    load = time.perf_counter() - start
    warmup, count = job["warmup"], job["requests"]
    texts, prepare, templated = prepare_prompts(server, scenario, warmup + count, job["seed"])
    emit({"event": "ready", "load": load})
    for text in texts[:warmup]:
        run_request(server, text, prepare, scenario)
    steady = resident_bytes()[1]
    wall = 0.0
    for text in texts[warmup:]:
        start = time.perf_counter()
        request = run_request(server, text, prepare, scenario)
        wall += time.perf_counter() - start
        emit({"event": "request", **asdict(request)})
    environment = {**server.environment(), "chat_template": templated}
    emit(
        {
            "event": "end",
            "wall": wall,
            "load": load,
            "steady": steady,
            "peak": resident_bytes()[0],
            "environment": environment,
        }
    )


def _main() -> None:
    # Libraries print to stdout at will: the protocol gets the real one, they get stderr.
    out, sys.stdout = sys.stdout, sys.stderr

    def emit(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    serve(json.loads(sys.stdin.read()), emit)


if __name__ == "__main__":
    _main()
