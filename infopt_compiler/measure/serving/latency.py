"""Timing: blocks of requests in fresh serving processes, the variants taking turns, until all bounds are decided."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.handles import Artifact
from infopt_compiler.diagnostics import DiagnosticError, Note, error
from infopt_compiler.measure.serving.machine_state import Watch
from infopt_compiler.measure.serving.samples import Block, BlockSamples
from infopt_compiler.measure.serving.traffic import LEAST_ARRIVALS, MOST_REQUESTS
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.progress import Progress, no_progress
from infopt_compiler.runtimes.last_words import last_words
from infopt_compiler.runtimes.registry import server_of
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets.counters import allowed_cores

# (samples of each variant, analysis number from 1, whether it is the last) → whether to stop.
Decided = Callable[[dict[str, BlockSamples], int, bool], bool]
# As `run_block`: (artifact, scenario, requests, warmup, seed, folder of the prompts) → block and environment.
Serve = Callable[[Artifact, Scenario, int, int, int, Path | None], tuple[Block, dict[str, Any]]]

GROWTH = 2  # each further interim analysis has this many times the blocks of the one before
_SERVE = "infopt_compiler.measure.serving.serve"
_TIMEOUT = 600.0  # seconds for one block, at least
_TIMEOUT_PER_TOKEN = 0.5  # slower than that, on what serves one, is a hang


def compare(
    variants: Mapping[str, Artifact],
    scenario: Scenario,
    *,
    rounds: int = 3,
    requests: int = 5,
    warmup: int = 1,
    seed: int = 0,
    progress: Progress = no_progress,
    prompts: Path | None = None,
) -> dict[str, BlockSamples]:
    """A fixed number of blocks of each artifact, interleaved in alternating order. For choosing, not for judging.

    Raises DiagnosticError where one cannot be served.
    """
    found: dict[str, list[Block]] = {name: [] for name in variants}
    environments: dict[str, dict[str, Any]] = {}
    for number in range(rounds):
        for done, name in enumerate(_order(variants, number)):
            progress(number * len(variants) + done, rounds * len(variants), f"serving {name}")
            block, environments[name] = run_block(
                variants[name], scenario, requests, warmup, seed + number, prompts
            )
            found[name].append(block)
    return {name: BlockSamples(tuple(blocks), environments[name]) for name, blocks in found.items()}


def sample(
    variants: Mapping[str, Artifact],
    scenario: Scenario,
    settings: MeasureSettings,
    decided: Decided,
    progress: Progress = no_progress,
    prompts: Path | None = None,
    serve: Serve | None = None,
) -> tuple[dict[str, BlockSamples], int, bool]:
    """Blocks of each variant until `decided`, or the settings' time or blocks are used up.

    Gives the samples, the number of the last analysis, and whether that analysis used up the rest of the error (it is the
    last by the clock). With two blocks at least, whatever the clock says.
    """
    found: dict[str, BlockSamples] = {name: BlockSamples(()) for name in variants}
    start, analysis, next_analysis, number = time.monotonic(), 0, settings.min_blocks, 0
    settle = max(0, settings.warmup_most - settings.warmup), settings.stable
    one_block = serve or partial(run_block, settle=settle, arrivals=LEAST_ARRIVALS)
    while True:
        for name in _order(variants, number):
            spent = time.monotonic() - start
            progress(min(spent, settings.seconds), settings.seconds, f"serving {name}, block {number + 1}")
            block, environment = one_block(
                variants[name], scenario, settings.requests, settings.warmup, settings.seed + number, prompts
            )
            found[name] = BlockSamples((*found[name].blocks, block), environment)
        number += 1
        spent = time.monotonic() - start
        # Whether another round still fits is a matter of the clock, so the last analysis may spend what is left.
        last = number >= settings.max_blocks or (
            number >= 2 and spent * (number + 1) / number > settings.seconds
        )
        if last or number >= next_analysis:
            analysis += 1
            next_analysis = number * GROWTH
            if decided(found, analysis, last) or last:
                return found, analysis, last


def run_block(
    artifact: Artifact,
    scenario: Scenario,
    requests: int,
    warmup: int,
    seed: int,
    prompts: Path | None = None,
    settle: tuple[int, float] = (0, 0.0),
    server: str = _SERVE,
    arrivals: int = 0,
    most_seconds: float = 0.0,
) -> tuple[Block, dict[str, Any]]:
    """One fresh serving process and its requests. `prompts` is the folder of the scenario's data; `settle`: at most so
    many further requests of warm-up, until three agree within that share of their median; `server`: the module that the
    process runs; `arrivals`: of a scenario whose requests arrive at least so many count, behind a ramp-up that does not
    (0: just `requests`, all of them). `most_seconds`: it is abandoned then (0: when it hangs). DiagnosticError E0902 if it
    fails, E0903 if it takes too long, E0904 if nothing serves it."""
    job = {
        "runtime": server_of(artifact).name,
        "folder": str(artifact.path),
        "scenario": asdict(scenario),
        "requests": requests,
        "warmup": warmup,
        "seed": seed,
        "prompts": str(prompts) if prompts is not None else "",
        "cores": allowed_cores(),
        "settle": settle[0],
        "stable": settle[1],
        "arrivals": arrivals,
    }
    most = max(requests, MOST_REQUESTS) if arrivals and scenario.rate else requests
    tokens = (most + warmup + settle[0]) * (scenario.prompt + scenario.generate) * scenario.batch
    arriving = (most + warmup) / scenario.rate if scenario.rate else 0.0
    watch = Watch()
    timeout = most_seconds or _TIMEOUT + tokens * _TIMEOUT_PER_TOKEN + 2 * arriving
    lines = _run_child(server, job, timeout)
    state = asdict(watch.state())
    end = lines[-1]
    rows = [{k: v for k, v in line.items() if k != "event"} for line in lines if line["event"] == "request"]
    return Block.from_json({**end, "requests": rows, "state": state}), end["environment"]


def _run_child(server: str, job: dict[str, Any], timeout: float) -> list[dict[str, Any]]:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", server],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(timeout, child.kill)
    timer.start()
    try:
        out, err = child.communicate(json.dumps(job))
    finally:
        in_time = timer.is_alive()
        timer.cancel()
        child.kill()
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if child.returncode == 0 and lines and lines[-1]["event"] == "end":
        return lines
    if not in_time:
        raise DiagnosticError(error("E0903", f"a block of requests took longer than {timeout:.0f} s"))
    raise DiagnosticError(_failure(job, child.returncode, err))


def _failure(job: dict[str, Any], status: int, err: str) -> Any:
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    help = "signal 9 is how a machine out of memory ends a process" if status == -9 else None
    return error(
        "E0902", f"the process that serves the artifact {how}", notes=(Note(last_words(err)),), help=help
    )


def _order(variants: Mapping[str, Artifact], number: int) -> list[str]:
    """A B, then B A: what drifts steadily falls on all alike."""
    names = list(variants)
    return names if number % 2 == 0 else names[::-1]
