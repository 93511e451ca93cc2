"""A float folder that ships: a budget on it, and its answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infopt_compiler.runtimes.torch.__main__ import main
from tests.e2e.recipes import read_report, run
from tests.passes.export.models import write_llama

FLOATS = """\
measure quick
model tiny = "file:tiny"
data heldout = "file:prose.txt" { window = 32 tokens, sample = 8 }
scenario short { prompt = 16 tokens, generate = 8 tokens }
base = select(tiny)
budget base under short {
    ttft.p50 <= 10 s, tpot.p50 <= 10 s, memory.peak <= 4 GiB, size <= 50 MB
    perplexity <= 100000 on heldout
}
"""


@pytest.mark.slow
def test_a_budget_on_a_float_folder_is_measured_and_the_folder_answers(tmp_path: Path) -> None:
    write_llama(tmp_path / "tiny")
    (tmp_path / "prose.txt").write_text("A float folder is served by torch, as it is.\n\n" * 60)
    (tmp_path / "floats.opt").write_text(FLOATS)
    built = run(tmp_path, "floats.opt", cache=tmp_path / "cache")
    assert built.returncode in (0, 4), built.stdout + built.stderr  # times of a busy machine may be undecided
    report = read_report(tmp_path, "floats")
    rows = {row["metric"]: row for row in report["bounds"]}
    assert {rows[name]["verdict"] for name in ("memory.peak", "size", "perplexity")} == {"met"}
    for name in ("ttft.p50", "tpot.p50"):
        assert rows[name]["verdict"] in ("met", "inconclusive") and rows[name]["value"] > 0
        assert rows[name]["basis"] == "measured"
    assert rows["memory.peak"]["value"] > 150e6  # torch is in the process
    assert rows["perplexity"]["value"] > 1
    shipped = tmp_path / "outputs/floats/latest/artifact"
    command = [sys.executable, "-m", "infopt_compiler.runtimes.torch", str(shipped), "A float folder"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0 and said.stdout.strip(), said.stderr


def test_what_is_no_float_decoder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "A question"]) == 1 and "config.json" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2 and "usage" in capsys.readouterr().err
