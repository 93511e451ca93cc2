"""Watching ranks, with programs of no weight in their place: who is named, and what counts as silence."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.run.errors import DamagedShard, RankFailed, RanksHang, ShardError
from infopt_compiler.passes.shard.run.launch import Rank, Ranks

SLEEP = "exec sleep 60"


@contextmanager
def watched(out: Path, *scripts: str, timeout: float = 60.0) -> Iterator[tuple[Ranks, list[int]]]:
    """Ranks that are shell scripts, and the ends of their pipes to write events into."""
    ranks, ends = Ranks.__new__(Ranks), []
    ranks.mesh, ranks._out, ranks._timeout, ranks._ranks = Mesh(tensor=len(scripts)), out, timeout, []
    for number, script in enumerate(scripts):
        receive, send = os.pipe()
        ends.append(send)
        log = out / f"rank-{number}.log"
        log.write_text(f"log of {number}")
        process = subprocess.Popen(["sh", "-c", script])
        ranks._ranks.append(Rank(number, process, log, receive))
    try:
        yield ranks, ends
    finally:
        ranks.close()
        for end in ends:
            os.close(end)


def failed(
    out: Path, number: int, at: float, *, peer: bool, code: str | None = None, message: str = "wrong"
) -> str:
    """A script that leaves what a rank leaves when it fails."""
    told = {"error": {"code": code, "message": message, "help": None, "peer": peer}, "at": at}
    (out / f"rank-{number}.json").write_text(json.dumps(told))
    return "exit 1"


def cause(ranks: Ranks) -> ShardError:
    with pytest.raises(ShardError) as found:
        list(ranks.events())
    return found.value


def test_a_killed_rank_is_named_before_those_that_lost_it(tmp_path: Path) -> None:
    lost = [failed(tmp_path, k, float(k), peer=True, message="Connection closed by peer") for k in (0, 1, 3)]
    with watched(tmp_path, *lost[:2], "kill -9 $$", lost[2]) as (ranks, _):
        found = cause(ranks)
    assert isinstance(found, RankFailed)
    assert "rank 2 (" in str(found) and "tensor=2" in str(found) and "died of SIGKILL" in str(found)
    assert str(tmp_path / "rank-2.log") in str(found) and found.help == "its last words: log of 2"


def test_an_error_of_its_own_is_named_before_those_of_peers(tmp_path: Path) -> None:
    scripts = [
        failed(tmp_path, 0, 1.0, peer=True, message="Connection closed by peer"),
        failed(tmp_path, 1, 2.0, peer=False, code="E0781", message="the file is cut short"),
        failed(tmp_path, 2, 3.0, peer=False, message="RuntimeError: later"),
    ]
    with watched(tmp_path, *scripts) as (ranks, _):
        found = cause(ranks)
    assert isinstance(found, DamagedShard) and str(found) == "rank 1: the file is cut short"


def test_the_one_that_others_wait_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infopt_compiler.passes.shard.run.launch._GRACE_SECONDS", 0.1)
    waiting = failed(tmp_path, 0, 1.0, peer=True, message="Timed out waiting 60000ms")
    with watched(tmp_path, waiting, SLEEP) as (ranks, _):
        found = cause(ranks)
        pids = ranks.pids
    assert isinstance(found, RanksHang) and "rank 1 did not answer" in str(found)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)  # ended, and waited for


def test_silence_ends_the_run(tmp_path: Path) -> None:
    with watched(tmp_path, SLEEP, SLEEP, timeout=0.1) as (ranks, ends):
        os.write(ends[0], b'{"event": "ready"}\n')
        events = ranks.events()
        assert next(events) == {"event": "ready"}
        with pytest.raises(RanksHang, match=r"rank 0, 1 did not answer for 0\.1 s"):
            next(events)


def test_ranks_that_are_asked_nothing_are_not_silent(tmp_path: Path) -> None:
    """Between two requests the caller may take longer than ranks may: they answer when they are asked."""
    with watched(tmp_path, SLEEP, timeout=0.5) as (ranks, ends):
        os.write(ends[0], b'{"event": "done"}\n')
        events = ranks.events()
        next(events)
        time.sleep(1.2)
        os.write(ends[0], b'{"event": "done"}\n')
        answered: dict[str, Any] = next(events)
        assert answered == {"event": "done"}
