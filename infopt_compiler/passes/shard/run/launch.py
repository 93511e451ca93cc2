"""Starts the ranks of a sharded model on this machine and watches them to their end: no hang, no orphan, every death named."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import CLASSES, PortTaken, RankFailed, RanksHang
from .index import ShardIndex
from .rank import EVENTS, PARENT, START_SECONDS, RankJob

_TICK_SECONDS = 0.05
_GRACE_SECONDS = 3.0  # after the first failure: for others to tell theirs, so that the cause is found
_LOG_CHARACTERS = 600
_LOCALHOST = "127.0.0.1"


@dataclass
class Rank:
    """A process, its log, and the end of the pipe on which it tells events."""

    number: int
    process: subprocess.Popen[bytes]
    log: Path
    events: int
    rest: bytes = b""


def free_port(wanted: int = 0) -> int:
    """A port of this machine at which ranks can meet; PortTaken where the one that is wanted is in use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOCALHOST, wanted))
        except OSError as wrong:
            help = "choose another port, or leave it out to let one be chosen"
            what = (
                "is in use by another program"
                if wrong.errno == errno.EADDRINUSE
                else f"cannot be used: {wrong.strerror}"
            )
            raise PortTaken(f"port {wanted} {what}", help=help) from wrong
        return int(probe.getsockname()[1])


class Ranks:
    """The running ranks; a context manager that leaves no process behind, whatever happens inside."""

    def __init__(self, job: RankJob, *, port: int = 0, threads: int = 1) -> None:
        folder, self._out = Path(job.folder), Path(job.out)
        index = ShardIndex.read(folder)
        index.check_files(folder)
        self._out.mkdir(parents=True, exist_ok=True)
        for number in range(index.mesh.world):
            for kind in ("log", "json", "partial"):
                (self._out / f"rank-{number}.{kind}").unlink(missing_ok=True)
        path = self._out / "job.json"
        path.write_text(json.dumps(asdict(job)), "utf-8")
        self.mesh, self._timeout = index.mesh, job.timeout
        self._ranks: list[Rank] = []
        meeting = free_port(port)
        try:
            for number in range(index.mesh.world):
                self._ranks.append(self._start(number, path, meeting, threads, serve=job.serve))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Ranks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        return [rank.process.pid for rank in self._ranks]

    def close(self) -> None:
        """End every rank that still runs."""
        for rank in self._ranks:
            if rank.process.poll() is None:
                rank.process.kill()
        for rank in self._ranks:
            rank.process.wait()
            with suppress(OSError):
                os.close(rank.events)
            if rank.process.stdin is not None:
                with suppress(OSError):
                    rank.process.stdin.close()

    def ask(self, request: dict[str, Any]) -> None:
        """Give a request to ranks that serve. What they tell comes from `events`."""
        line = (json.dumps(request) + "\n").encode()
        for rank in self._ranks:
            assert rank.process.stdin is not None
            with suppress(BrokenPipeError):  # it died: `events` finds that out and says why
                rank.process.stdin.write(line)
                rank.process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        """What ranks tell, in the order of arrival, until all have ended. RankFailed, RanksHang and what ranks raise."""
        sign, patience = time.monotonic(), 2 * START_SECONDS + 2 * self._timeout
        while True:
            ended = all(rank.process.poll() is not None for rank in self._ranks)
            for event in self._read(0.0 if ended else _TICK_SECONDS):
                yield event
                # After it: ranks that serve are asked nothing while the caller is busy with something else.
                sign, patience = time.monotonic(), 2 * self._timeout
            self._raise_failure()
            if ended:
                return
            if time.monotonic() - sign > patience:
                raise self._silent([rank for rank in self._ranks if rank.process.poll() is None])

    def wait(self, told: Callable[[dict[str, Any]], None] = lambda event: None) -> list[dict[str, Any]]:
        """To the end of all ranks; gives what each left in its file."""
        for event in self.events():
            told(event)
        return [
            json.loads((self._out / f"rank-{rank.number}.json").read_text("utf-8")) for rank in self._ranks
        ]

    def _start(self, number: int, job: Path, port: int, threads: int, *, serve: bool) -> Rank:
        receive, send = os.pipe()
        log = self._out / f"rank-{number}.log"
        environment = {
            **os.environ,
            "RANK": str(number),
            "LOCAL_RANK": str(number),
            "WORLD_SIZE": str(self.mesh.world),
            "MASTER_ADDR": _LOCALHOST,
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "GLOO_SOCKET_IFNAME": "lo",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONUNBUFFERED": "1",
            "USE_LIBUV": "0",
            "MALLOC_MMAP_THRESHOLD_": str(1 << 20),  # what is freed goes back, so that a peak is what is held
            PARENT: str(os.getpid()),
            EVENTS: str(send),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "infopt_compiler.passes.shard.run.rank", str(job)],
                stdin=subprocess.PIPE if serve else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(send,),
                env=environment,
            )
        os.close(send)
        return Rank(number, process, log, receive)

    def _read(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Events that are there within `seconds`."""
        open_ends = [rank for rank in self._ranks if rank.events >= 0]
        ready, _, _ = select.select([rank.events for rank in open_ends], [], [], seconds)
        for rank in open_ends:
            if rank.events not in ready:
                continue
            data = os.read(rank.events, 1 << 16)
            if not data:  # it closed its end
                os.close(rank.events)
                rank.events = -1
                time.sleep(_TICK_SECONDS if seconds else 0.0)
            *lines, rank.rest = (rank.rest + data).split(b"\n")
            yield from (json.loads(line) for line in lines)

    def _raise_failure(self) -> None:
        """Nothing, unless a rank has failed: then the others get a moment to fail, too, and the first cause is raised."""
        if not any(rank.process.poll() for rank in self._ranks):
            return
        until = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < until and any(rank.process.poll() is None for rank in self._ranks):
            time.sleep(_TICK_SECONDS)
        raise self._cause()

    def _cause(self) -> Exception:
        """Who failed first: one that was killed, else one whose error is its own, else one that the others wait for."""
        failed = [(rank, self._told(rank)) for rank in self._ranks if rank.process.poll()]
        for rank, _ in failed:
            if rank.process.returncode < 0:
                name = signal.Signals(-rank.process.returncode).name
                return self._failure(rank, f"died of {name}")
        own = [(rank, told) for rank, told in failed if told is None or not told["error"]["peer"]]
        for rank, told in sorted(own, key=lambda one: one[1]["at"] if one[1] else 0.0):
            if told is None:
                return self._failure(rank, f"ended with status {rank.process.returncode}")
            error = told["error"]
            if error["code"] in CLASSES:
                return CLASSES[error["code"]](f"rank {rank.number}: {error['message']}", help=error["help"])
            return self._failure(rank, f"failed: {error['message']}")
        silent = [rank for rank in self._ranks if rank.process.poll() is None]
        if silent:
            return self._silent(silent)
        rank, told = min(failed, key=lambda one: one[1]["at"] if one[1] else 0.0)
        return self._failure(rank, f"failed: {told['error']['message'] if told else '?'}")

    def _told(self, rank: Rank) -> dict[str, Any] | None:
        path = self._out / f"rank-{rank.number}.json"
        with suppress(OSError, ValueError):
            told = json.loads(path.read_text("utf-8"))
            if "error" in told:
                return dict(told)
        return None

    def _failure(self, rank: Rank, how: str) -> RankFailed:
        place = f"rank {rank.number} ({self.mesh.coordinate(rank.number)}, process {rank.process.pid})"
        message = f"{place} {how}; its log is {rank.log}"
        words = rank.log.read_text("utf-8", errors="replace").strip()[-_LOG_CHARACTERS:]
        return RankFailed(
            message,
            help=f"its last words: {words}"
            if words
            else "SIGKILL is how a machine out of memory ends a process",
        )

    def _silent(self, ranks: list[Rank]) -> RanksHang:
        names = ", ".join(str(rank.number) for rank in ranks)
        return RanksHang(
            f"rank {names} did not answer for {self._timeout:g} s; the log is {ranks[0].log}",
            help="was the process stopped?",
        )
