"""A sharded model as a server: `python -m infopt_compiler.passes.shard.run.serve DIR` reads JSON lines and writes JSON lines.

{"ids": [1, 2], "batch": 1, "tokens": 8, "reserve": 64}    one `token` line for each step, then `done`
{"ids": [1, 2], "logits": "FOLDER"}                        logits of all positions into FOLDER/0.f32, then `done`
{"memory": true}                                           peak and present resident bytes of each rank
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .errors import ShardError
from .launch import Ranks
from .rank import RankJob

Emit = Callable[[dict[str, Any]], None]


def serve(folder: Path, out: Path, commands: Iterator[str], emit: Emit) -> None:
    """Raises ShardError where a rank fails."""
    with Ranks(RankJob(str(folder), str(out), serve=True)) as ranks:
        events = ranks.events()
        waiting = ranks.mesh.world
        while waiting:
            waiting -= next(events)["event"] == "ready"
        emit({"event": "ready", "mesh": str(ranks.mesh), "ranks": ranks.mesh.world})
        for line in commands:
            command = json.loads(line)
            if "memory" in command:
                emit({"event": "memory", "ranks": [ranks_memory(pid) for pid in ranks.pids]})
            else:
                _run(ranks, events, command, emit)


def _run(ranks: Ranks, events: Iterator[dict[str, Any]], command: dict[str, Any], emit: Emit) -> None:
    """A step is done when every prompt of the batch has its token."""
    batch, told, done = command.get("batch", 1), 0, 0
    request: dict[str, Any] = {key: command[key] for key in ("stop", "reserve", "logits") if key in command}
    ranks.ask({**request, "prompts": [command["ids"]] * batch, "tokens": command.get("tokens", 1)})
    found: list[list[int]] = [[] for _ in range(batch)]
    while done < ranks.mesh.data:
        event = next(events)
        done += event["event"] == "done"
        for offset, token in enumerate(event.get("tokens", ())):
            found[event["first"] + offset].append(token)
        for _ in range(min(map(len, found)) - told):
            emit({"event": "token"})
        told = min(map(len, found))
    emit({"event": "done", "tokens": found[0]})


def ranks_memory(pid: int) -> dict[str, int]:
    """Bytes: the highest resident set of a process so far, and the present one."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {"peak": int(fields["VmHWM"].split()[0]) * 1024, "now": int(fields["VmRSS"].split()[0]) * 1024}


def main(arguments: list[str]) -> int:
    def emit(line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="infopt-ranks-") as out:
        try:
            serve(Path(arguments[0]), Path(out), sys.stdin, emit)
        except ShardError as failure:
            sys.stderr.write(f"error[{failure.code}]: {failure}\n{failure.help or ''}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
