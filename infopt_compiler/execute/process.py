"""Starting a worker and watching it to its end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infopt_compiler.execute.events import Events
from infopt_compiler.execute.options import ExecuteOptions

_TICK_SECONDS = 0.1
_GOODBYE_SECONDS = 20.0  # a worker that has given its result and does not end is ended


@dataclass
class Outcome:
    """How a worker ended. `result` or `error` is its last event; `stopped`: why we ended it (`hang`, `memory`)."""

    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    stopped: str | None = None
    signal: int = 0
    exit_code: int = 0
    peak_rss_bytes: int = 0
    log: list[str] = field(default_factory=list)


def run_worker(job: Path, scratch: Path, log: Path, options: ExecuteOptions, events: Events) -> Outcome:
    """Run the job of a file in a process of its own and wait for its end; its output goes to `log`.

    The worker leads a session: Ctrl-C reaches us alone, and ending it ends what it started.
    """
    receive, send = os.pipe()
    threads = str(options.thread_count)
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
    environment |= {
        "OMP_NUM_THREADS": threads,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "infopt_compiler.execute.worker", str(job), str(send)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(send,),
            start_new_session=True,
            env=environment,
        )
    os.close(send)
    try:
        return _watch(worker, receive, options, events)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        if worker.returncode is None:
            worker.wait()
        os.close(receive)


def _watch(worker: subprocess.Popen[bytes], receive: int, options: ExecuteOptions, events: Events) -> Outcome:
    outcome, rest, sign = Outcome(), b"", time.monotonic()
    while True:
        ended = _reap(worker, outcome)
        data = _read(receive, 0.0 if ended else _TICK_SECONDS)
        if data:
            sign = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _take(json.loads(line), outcome, events)
        elif ended:
            return outcome
        elif data == b"":  # it closed the pipe and still runs
            time.sleep(_TICK_SECONDS)
        silent = time.monotonic() - sign
        done = outcome.result is not None or outcome.error is not None
        if done and silent > _GOODBYE_SECONDS:
            os.killpg(worker.pid, signal.SIGKILL)
        elif not done and not ended and outcome.stopped is None:
            outcome.stopped = _reason_to_stop(worker.pid, silent, options)
            if outcome.stopped is not None:
                os.killpg(worker.pid, signal.SIGKILL)


def _read(descriptor: int, seconds: float) -> bytes | None:
    """What is there within `seconds`: None for nothing yet, empty at the end."""
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return os.read(descriptor, 1 << 16) if ready else None


def _take(event: dict[str, Any], outcome: Outcome, events: Events) -> None:
    match event["event"]:
        case "progress":
            events.progress(event["done"], event["total"], event["message"])
        case "log":
            outcome.log.append(event["message"])
        case "result":
            outcome.result = event["facts"]
            outcome.peak_rss_bytes = event["peak_rss_bytes"]
        case "error":
            outcome.error = event
            outcome.peak_rss_bytes = event["peak_rss_bytes"]


def _reap(worker: subprocess.Popen[bytes], outcome: Outcome) -> bool:
    """Whether it has ended; then its exit code or signal is known, and its memory if it could not tell itself."""
    if worker.returncode is not None:
        return True
    pid, status, usage = os.wait4(worker.pid, os.WNOHANG)
    if pid == 0:
        return False
    worker.returncode = os.waitstatus_to_exitcode(status)
    outcome.signal = -worker.returncode if worker.returncode < 0 else 0
    outcome.exit_code = max(worker.returncode, 0)
    if outcome.peak_rss_bytes == 0:
        outcome.peak_rss_bytes = usage.ru_maxrss * 1024
    return True


def _reason_to_stop(pid: int, silent: float, options: ExecuteOptions) -> str | None:
    if options.hang_seconds and silent > options.hang_seconds:
        return "hang"
    if options.memory_bytes and tree_rss_bytes(pid) > options.memory_bytes:
        return "memory"
    return None


def tree_rss_bytes(pid: int) -> int:
    """Resident bytes of a process and all its children now; 0 where it is gone."""
    import psutil

    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total
