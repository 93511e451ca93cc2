"""One rank: `python -m infopt_compiler.passes.shard.run.rank JOB.json`, with the environment that torchrun gives.

It joins the others, reads its shard, runs requests, and leaves `rank-<n>.json`: its memory, or its error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from .errors import PortTaken, ShardError, WrongWorld

_PR_SET_PDEATHSIG = 1
START_SECONDS = 180.0  # in which others may still import, or read their weights: nothing is wrong with them
Tell = Callable[[dict[str, Any]], None]
PARENT, EVENTS = "INFOPT_RANK_PARENT", "INFOPT_RANK_EVENTS"


@dataclass(frozen=True)
class RankJob:
    """`out`: folder for what the rank leaves. `serve`: further requests come as lines on stdin until it ends."""

    folder: str
    out: str
    requests: tuple[dict[str, Any], ...] = ()
    serve: bool = False
    timeout: float = 300.0
    device: str = "cpu"

    @classmethod
    def read(cls, path: Path) -> RankJob:
        data = json.loads(path.read_text("utf-8"))
        return cls(**{**data, "requests": tuple(data["requests"])})


def main(arguments: list[str]) -> int:
    die_with_parent()
    rank = int(os.environ["RANK"])
    job = RankJob.read(Path(arguments[0]))
    report = Path(job.out) / f"rank-{rank}.json"
    try:
        facts = run(job, rank, _events())
        report.write_text(json.dumps(facts), "utf-8")
        return 0
    except Exception as failure:  # the edge of the process: every failure is told in a file
        traceback.print_exc()
        partial = report.with_suffix(".partial")
        partial.write_text(json.dumps({"error": describe(failure), "at": time.time()}), "utf-8")
        partial.replace(report)
        sys.stderr.flush()
        os._exit(1)  # not the interpreter's end: it could wait for peers that are gone


def die_with_parent() -> None:
    """Ask Linux to kill this process when the one that started it dies; under torchrun that is torchrun's matter."""
    parent = os.environ.get(PARENT)
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGKILL)


def describe(failure: Exception) -> dict[str, Any]:
    """`peer` is set where the failure is most likely another rank's: a connection that it closed, a time that it let pass."""
    text = "".join(traceback.format_exception_only(failure)).strip()
    if isinstance(failure, ShardError):
        return {"code": failure.code, "message": str(failure), "help": failure.help, "peer": False}
    words = (
        "Connection closed",
        "Connection reset",
        "Broken pipe",
        "timed out",
        "Timed out",
        "Timeout",
        "wait timeout",
        "Socket",
        "connectFullMesh",
        "Gloo",
        "gloo",
    )
    return {"code": None, "message": text, "help": None, "peer": any(word in text for word in words)}


def run(job: RankJob, rank: int, tell: Tell) -> dict[str, Any]:
    """Join, read, generate; gives memory in bytes and what was done."""
    from .index import ShardIndex

    folder = Path(job.folder)
    index = ShardIndex.read(folder)
    check_world(index, int(os.environ["WORLD_SIZE"]))
    index.check_files(folder)
    import torch
    import torch.distributed as dist

    torch.set_grad_enabled(False)
    device = _device(job.device)
    store = _join(dist, device, job.timeout)
    from .session import Session

    session = Session(folder, index, rank, device, timedelta(seconds=job.timeout))
    _meet(store, "loaded", index.mesh.world, job.timeout)
    for request in job.requests:
        _answer(session, request, tell)
    if job.serve:
        tell({"event": "ready", "rank": rank})
        for line in sys.stdin:
            _answer(session, json.loads(line), tell)
    facts = session.facts()
    dist.barrier()
    dist.destroy_process_group()
    return facts


def check_world(index: Any, world: int) -> None:
    """WrongWorld unless as many processes were started as the mesh has ranks."""
    if world != index.mesh.world:
        started = "1 process was" if world == 1 else f"{world} processes were"
        raise WrongWorld(
            f"{started} started, the shards are for {index.mesh.world} ({index.mesh})",
            help=f"start {index.mesh.world}: for example `torchrun --nproc-per-node {index.mesh.world}`",
        )


def _device(name: str) -> Any:
    import torch

    if name != "cuda":
        return torch.device(name)
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cuda", torch.cuda.current_device())


def _join(dist: Any, device: Any, timeout: float) -> Any:
    """Gives the store of the ranks. `timeout` is for what they do together, once all of them are there."""
    from torch.distributed.rendezvous import rendezvous

    patience = timedelta(seconds=max(START_SECONDS, timeout))
    try:
        store, rank, world = next(rendezvous("env://", timeout=patience))
        _meet(store, "joined", world, timeout)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=store,
            rank=rank,
            world_size=world,
            timeout=timedelta(seconds=timeout),
        )
    except Exception as failure:
        if "EADDRINUSE" in str(failure) or "already in use" in str(failure):
            port = os.environ.get("MASTER_PORT")
            raise PortTaken(
                f"port {port} is in use by another program", help="choose another port, or let it be chosen"
            ) from failure
        raise
    return store


def _meet(store: Any, place: str, world: int, timeout: float) -> None:
    """Wait until all ranks are here: on a busy machine or a slow disk they come minutes apart, whatever `timeout` is."""
    if store.add(f"infopt/{place}", 1) == world:
        store.set(f"infopt/{place}/all", "")
    store.wait([f"infopt/{place}/all"], timedelta(seconds=max(START_SECONDS, timeout)))


def _events() -> Tell:
    """Lines on the pipe of the process that started this one."""
    descriptor = os.environ.get(EVENTS)
    if descriptor is None:
        return lambda event: None
    pipe = os.fdopen(int(descriptor), "w", encoding="utf-8", buffering=1)

    def tell(event: dict[str, Any]) -> None:
        pipe.write(json.dumps(event) + "\n")

    return tell


def _answer(session: Any, request: dict[str, Any], tell: Tell) -> None:
    """Run a request; the first rank of each replica tells its tokens."""

    def told(first: int, tokens: Any) -> None:
        if session.leads:
            tell({"event": "tokens", "first": first, "tokens": tokens})

    session.run(request, told)
    if session.leads:
        tell({"event": "done"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
