"""The serving process: `python -m infopt_compiler.measure.serving.serve` reads one JSON job from stdin and writes JSON lines.

It opens one artifact with the runtime that a user would use, warms up, and times requests. It imports that
runtime and little else: its resident set is what `memory.peak` reports.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from infopt_compiler.measure.serving.process import gpu_bytes, runtime_variables
from infopt_compiler.measure.serving.samples import Request
from infopt_compiler.measure.serving.traffic import (
    BlockPlan,
    Done,
    Prepare,
    Window,
    arrivals,
    encoder_batches,
    plan_block,
    run_batches,
    run_traffic,
)
from infopt_compiler.runtimes.protocol import Answers, Encoder, Runtime, Server
from infopt_compiler.runtimes.registry import find_runtime
from infopt_compiler.scenario import Scenario, ScenarioMode

T = TypeVar("T")
Ran = tuple[int, float, dict[str, Any]]  # resident bytes after warm-up, wall seconds, environment
_LATER = 1_000_000  # added to the seed of the prompts that are drawn after warm-up


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


def _resident(server: Any) -> tuple[int, int]:
    """Of this process, or of the fullest of those that a runtime has started."""
    return server.resident_bytes() if hasattr(server, "resident_bytes") else resident_bytes()


def prepare_prompts(
    server: Server, scenario: Scenario, count: int, seed: int, texts_file: Path | None = None
) -> tuple[list[str], Prepare, bool]:
    """Texts, how they become ids, and whether the chat template is part of it (not where it alone is too long)."""
    from infopt_compiler.measure.serving.prompts import make_prompts, read_prompts

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


def serve(
    job: dict[str, Any],
    emit: Callable[[dict[str, Any]], None],
    opener: Callable[[Runtime], Callable[[Path], Any]] = Runtime.opener,
) -> None:
    """Open (`opener` gives what opens a folder), warm up, run; `emit` gets a `ready`, one `request` each, and
    an `end` with memory and wall time."""
    if job.get("cores") and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cores"])  # before the runtime counts cores and starts threads
    folder, scenario = Path(job["folder"]), scenario_of(job["scenario"])
    runtime = find_runtime(job["runtime"])
    open_model = opener(runtime)
    bare = resident_bytes()[1]
    start = time.perf_counter()
    server = open_model(folder)
    load = time.perf_counter() - start
    loaded = _resident(server)[1]
    emit({"event": "ready", "load": load})
    run = _encode if runtime.answers is Answers.vectors else _generate
    steady, wall, environment = run(
        server, scenario, job, lambda one: emit({"event": "request", **asdict(one)})
    )
    memory = {
        "bare": bare,
        "loaded": loaded,
        "steady": steady,
        "peak": _resident(server)[0],
        "gpu": gpu_bytes(),
    }
    end = {"wall": wall, "load": load, "queue": environment.pop("queue", None), **memory}
    emit({"event": "end", **end, "environment": {**server.environment(), **environment, **threads(job)}})


def threads(job: dict[str, Any]) -> dict[str, Any]:
    """The cores that this process is kept to, and the variables that change how many threads a runtime takes."""
    return {
        "cores": job.get("cores", []),
        "thread_variables": runtime_variables(),
    }


def scenario_of(data: dict[str, Any]) -> Scenario:
    """The scenario of a job's JSON."""
    return Scenario(**{**data, "mode": ScenarioMode(data["mode"])})


def _generate(server: Server, scenario: Scenario, job: dict[str, Any], done: Done) -> Ran:
    """A decoder."""
    warmup, seed, settle = job["warmup"], job["seed"], job.get("settle", 0)
    place = Path(job["prompts"]) if job.get("prompts") else None
    first, prepare, templated = prepare_prompts(server, scenario, warmup + settle, seed, place)
    quiet, latencies = replace(scenario, mode=ScenarioMode.single), [0.0]

    def one(text: str) -> float:
        seen: list[Request] = []
        run_traffic(server, [text], prepare, quiet, seed, seen.append)
        latencies.append(seen[0].latency)
        return seen[0].tpot if seen[0].gaps else seen[0].latency

    warmed = warm_up(one, first, warmup, job.get("stable", 0.0))
    steady = _resident(server)[1]
    plan = _plan(scenario, job, latencies[-1])
    texts, _, _ = prepare_prompts(server, scenario, plan.total, seed + _LATER, place)
    wall, more = _counted(
        plan, scenario, seed, done, lambda got: run_traffic(server, texts, prepare, scenario, seed, got)
    )
    held = "held: every request generates just as many"
    return (
        steady,
        wall,
        {"chat_template": templated, "output_tokens": held, "warmup_requests": warmed, **more},
    )


def _plan(scenario: Scenario, job: dict[str, Any], service: float) -> BlockPlan:
    """The requests of the block; `service`: seconds that one takes alone."""
    least = job.get("arrivals", 0) if scenario.mode is ScenarioMode.server else 0
    return plan_block(job["requests"], least, scenario.rate, service)


def _counted(
    plan: BlockPlan, scenario: Scenario, seed: int, done: Done, run: Callable[[Done], float]
) -> tuple[float, dict[str, Any]]:
    """`run` with what counts handed on: wall seconds, and what is to say of the queue."""
    if plan.ramp == 0:
        return run(done), {}
    window = Window(plan, arrivals(plan.total, scenario.rate, seed))
    run(window.requests.append)
    wall, queue = window.close(done)
    return wall, {"queue": queue, "ramp_up_requests": plan.ramp}


def warm_up(one: Callable[[T], float], items: Sequence[T], least: int, stable: float) -> int:
    """`one` of `items` after another: `least` of them, then until the last three took the same within `stable` of their
    median, or there are no more. How many were run. Only times that do not count decide."""
    seconds: list[float] = []
    for item in items:
        last = sorted(seconds[-3:])
        if len(seconds) >= max(3, least) and last[2] - last[0] <= stable * last[1]:
            break
        seconds.append(one(item))
    return len(seconds)


def _encode(server: Encoder, scenario: Scenario, job: dict[str, Any], done: Done) -> Ran:
    """An encoder."""
    warmup, seed = job["warmup"], job["seed"]
    place = Path(job["prompts"]) if job.get("prompts") else None
    first = encoder_batches(server, scenario, warmup + job.get("settle", 0), seed, place)
    quiet, latencies = replace(scenario, mode=ScenarioMode.single), [0.0]

    def one(batch: Sequence[str]) -> float:
        seen: list[Request] = []
        run_batches(server, [batch], quiet, seed, seen.append)
        latencies.append(seen[0].latency)
        return seen[0].latency

    warmed = warm_up(one, first, warmup, job.get("stable", 0.0))
    steady = resident_bytes()[1]
    plan = _plan(scenario, job, latencies[-1])
    batches = encoder_batches(server, scenario, plan.total, seed + _LATER, place)
    wall, more = _counted(
        plan, scenario, seed, done, lambda got: run_batches(server, batches, scenario, seed, got)
    )
    return steady, wall, {"output_tokens": "none: an encoder", "warmup_requests": warmed, **more}


def main(opener: Callable[[Runtime], Callable[[Path], Any]] = Runtime.opener) -> None:
    """One job from stdin, JSON lines to stdout."""
    # Libraries print to stdout at will: the protocol gets the real one, they get stderr.
    out, sys.stdout = sys.stdout, sys.stderr

    def emit(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    serve(json.loads(sys.stdin.read()), emit, opener)


if __name__ == "__main__":
    main()
