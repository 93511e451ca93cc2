"""The serving process: `python -m infopt_compiler.measure.serve` reads one JSON job from stdin and writes JSON lines.

It opens one artifact with the runtime that a user would use, warms up, and times requests. It imports that
runtime and little else: its resident set is what `memory.peak` reports.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from infopt_compiler.measure.encoder_traffic import encoder_batches, run_batches
from infopt_compiler.measure.runtimes.server import ENCODERS, Encoder, Server, opener, runtime_of
from infopt_compiler.measure.scenario import Scenario, ScenarioMode
from infopt_compiler.measure.traffic import Done, Prepare, run_traffic


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


def prepare_prompts(
    server: Server, scenario: Scenario, count: int, seed: int, texts_file: Path | None = None
) -> tuple[list[str], Prepare, bool]:
    """Texts, how they become ids, and whether the chat template is part of it (not where it alone is too long)."""
    from infopt_compiler.measure.prompts import make_prompts, read_prompts

    def templated(text: str) -> list[int]:
        return server.encode(server.chat(text) or text)

    for prepare, is_chat in ((templated, server.chat("") is not None), (server.encode, False)):
        if texts_file is not None:
            texts = read_prompts(texts_file, prepare, scenario.prompt, count, seed)
        else:
            texts = make_prompts(prepare, scenario.prompt, count, seed)
        if texts is not None:
            return texts, prepare, is_chat
    return ["a"] * count, server.encode, False


def serve(job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    """Open, warm up, run; `emit` gets a `ready`, one `request` each, and an `end` with memory and wall time."""
    folder, scenario = Path(job["folder"]), scenario_of(job["scenario"])
    runtime = runtime_of(folder)
    open_model = opener(runtime)
    start = time.perf_counter()
    server = open_model(folder)
    load = time.perf_counter() - start
    emit({"event": "ready", "load": load})
    run = _encode if runtime in ENCODERS else _generate
    steady, wall, environment = run(
        server, scenario, job, lambda one: emit({"event": "request", **asdict(one)})
    )
    end = {"wall": wall, "load": load, "steady": steady, "peak": resident_bytes()[0]}
    emit({"event": "end", **end, "environment": {**server.environment(), **environment}})


def scenario_of(data: dict[str, Any]) -> Scenario:
    """The scenario of a job's JSON."""
    return Scenario(**{**data, "mode": ScenarioMode(data["mode"])})


def _generate(
    server: Server, scenario: Scenario, job: dict[str, Any], done: Done
) -> tuple[int, float, dict[str, Any]]:
    """A decoder: (resident bytes after warm-up, wall seconds, environment)."""
    warmup, count, seed = job["warmup"], job["requests"], job["seed"]
    place = Path(job["prompts"]) if job.get("prompts") else None
    texts, prepare, templated = prepare_prompts(server, scenario, warmup + count, seed, place)
    quiet = replace(scenario, mode=ScenarioMode.single)
    run_traffic(server, texts[:warmup], prepare, quiet, seed, lambda request: None)
    steady = resident_bytes()[1]
    wall = run_traffic(server, texts[warmup:], prepare, scenario, seed, done)
    return (
        steady,
        wall,
        {"chat_template": templated, "output_tokens": "held: every request generates just as many"},
    )


def _encode(
    server: Encoder, scenario: Scenario, job: dict[str, Any], done: Done
) -> tuple[int, float, dict[str, Any]]:
    """An encoder: (resident bytes after warm-up, wall seconds, environment)."""
    warmup, count, seed = job["warmup"], job["requests"], job["seed"]
    place = Path(job["prompts"]) if job.get("prompts") else None
    batches = encoder_batches(server, scenario, warmup + count, seed, place)
    run_batches(server, batches[:warmup], replace(scenario, mode=ScenarioMode.single), seed, lambda one: None)
    steady = resident_bytes()[1]
    wall = run_batches(server, batches[warmup:], scenario, seed, done)
    return steady, wall, {"output_tokens": "none: an encoder"}


def _main() -> None:
    # Libraries print to stdout at will: the protocol gets the real one, they get stderr.
    out, sys.stdout = sys.stdout, sys.stderr

    def emit(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    serve(json.loads(sys.stdin.read()), emit)


if __name__ == "__main__":
    _main()
