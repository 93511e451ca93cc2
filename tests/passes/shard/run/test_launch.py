"""What goes wrong with ranks: each fault is a diagnostic that names it, nothing hangs, nothing is left running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infopt_compiler.cli import main
from infopt_compiler.passes.shard.run.errors import DamagedShard, NoShards, PortTaken, RankFailed, RanksHang
from infopt_compiler.passes.shard.run.launch import Ranks
from infopt_compiler.passes.shard.run.rank import RankJob

pytestmark = pytest.mark.slow
LONG = {"prompts": [[5, 6, 7]], "tokens": 4000}


def running(pids: list[int]) -> list[int]:
    """Those that are there and no zombies."""
    return [pid for pid in pids if _state(pid) not in ("", "Z")]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


# A killed rank is seen at once, however long ranks may wait for each other; a stopped one only by that time.
@pytest.mark.parametrize(("sign", "timeout"), [(signal.SIGKILL, 600.0), (signal.SIGSTOP, 12.0)])
def test_a_rank_that_dies_or_stops_is_named(
    pair: Path, tmp_path: Path, sign: signal.Signals, timeout: float
) -> None:
    started = None
    job = RankJob(str(pair), str(tmp_path), (LONG,), timeout=timeout)
    with pytest.raises(RankFailed if sign is signal.SIGKILL else RanksHang) as failed, Ranks(job) as ranks:
        for _ in ranks.events():
            if started is None:
                os.kill(ranks.pids[1], sign)
                started = time.monotonic()
    assert (
        started is not None and time.monotonic() - started < 120
    )  # a busy machine's; without a watch, never
    assert "rank 1" in str(failed.value) and str(tmp_path / "rank-1.log") in str(failed.value)
    if sign is signal.SIGKILL:
        assert "SIGKILL" in str(failed.value) and "pipeline=1" in str(failed.value)
    assert running(ranks.pids) == []


def test_ranks_die_with_the_process_that_started_them(pair: Path, tmp_path: Path) -> None:
    """They are stopped first, so that none ends by itself or because its pipe broke: only the kernel can end them."""
    code = (
        "import sys\nfrom infopt_compiler.passes.shard.run.launch import Ranks\n"
        "from infopt_compiler.passes.shard.run.rank import RankJob\n"
        f"ranks = Ranks(RankJob({str(pair)!r}, {str(tmp_path)!r}, ({LONG!r},)))\n"
        "for event in ranks.events():\n    print(*ranks.pids, flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = list(map(int, parent.stdout.readline().split()))
    assert len(running(pids)) == 2
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        until = time.monotonic() + 60
        while running(pids) and time.monotonic() < until:
            time.sleep(0.05)
        assert running(pids) == []
    finally:
        for pid in running(pids):
            os.kill(pid, signal.SIGKILL)


def test_a_port_in_use(pair: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match=f"port {other.getsockname()[1]} is in use"):
            Ranks(RankJob(str(pair), str(tmp_path)), port=other.getsockname()[1])


def test_a_missing_and_a_truncated_shard(copied: Path, tmp_path: Path) -> None:
    shard = copied / "stage-1-tensor-0.safetensors"
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(DamagedShard, match="rank 1 is cut short"):
        Ranks(RankJob(str(copied), str(tmp_path / "ranks")))
    shard.unlink()
    with pytest.raises(NoShards, match="rank 1 is missing"):
        Ranks(RankJob(str(copied), str(tmp_path / "ranks")))


def test_torchrun_runs_the_shards_and_refuses_another_number(pair: Path) -> None:
    def torchrun(count: int) -> subprocess.CompletedProcess[str]:
        module = ["-m", "infopt_compiler.passes.shard.run.torchrun"]
        words = [str(pair), "--prompt", "the quick", "--prompt", "fox", "--tokens", "3", "--raw"]
        launcher = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            str(count),
        ]
        return subprocess.run([*launcher, *module, *words], capture_output=True, text=True, timeout=300)

    wrong = torchrun(1)
    assert wrong.returncode == 1
    assert "error[E0782]: 1 process was started, the shards are for 2 (pipeline 2)" in wrong.stderr
    right = torchrun(2)
    assert right.returncode == 0, right.stderr
    assert [line[:3] for line in right.stdout.splitlines()] == ["[0]", "[1]"]


def test_generate_on_the_command_line(
    pair: Path,
    copied: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert main(["generate", str(pair), "the quick", "fox", "--tokens", "3", "--raw"]) == 0
    (copied / "stage-1-tensor-0.safetensors").unlink()
    assert main(["generate", str(copied), "fox"]) == 1
    told = capsys.readouterr().err
    assert "error[E0780]: the shard stage-1-tensor-0.safetensors of rank 1 is missing" in told
    assert "Traceback" not in told
    assert main(["merge", str(copied), "out"]) == 1
    assert main(["generate", str(pair)]) == 2
    assert main(["generate", str(pair), "fox", "", "--raw"]) == 2
    assert "error[E0509]: a prompt has no tokens" in capsys.readouterr().err
    assert not list(place.iterdir())  # folders of logs are kept where there are logs
    assert main(["generate", str(pair), "fox", "--tokens", "many"]) == 2
    assert main(["generate", str(pair), "fox", "--logs", str(copied / "config.json")]) == 2
    assert "error[E0502]: `--logs` wants a folder" in capsys.readouterr().err
