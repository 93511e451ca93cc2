"""A small recipe in a folder of its own, and a `back` that judges by the bits of `q` instead of building."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.build.job import Invocation
from infopt_compiler.cli import build, main
from infopt_compiler.sema.program import Program
from tests.report.conftest import bound

RECIPE = """\
target cpu
measure quick
model small = "pypi:small==1#model.gguf"
data prose = "python:pydoc_data.topics"
data calib = prose[0% .. 60%] { window = 256 tokens, sample = 4 }
data heldout = prose[80% .. 100%]
scenario assistant { prompt = 32 tokens, generate = 16 tokens }
base = select(small)
q = quantize(base, method = gptq, bits = 4, group = 32, calibrate = calib)
onnx = export(q)
budget onnx under assistant {
    ttft.p95 <= 600 ms
    size <= 115 MB
    perplexity <= 109% of base on heldout
}
"""

VERDICTS = {"met": 0, "missed": 3, "inconclusive": 4, "failed": 1}


@dataclass
class Builds:
    """The configurations and programs that were built; `verdicts` by bits (met where none is given; `raise` and `silent` misbehave)."""

    configs: list[Any] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    verdicts: dict[int, str] = field(default_factory=dict)

    def back(self, program: Program, config: Any, invocation: Invocation) -> None:
        self.configs.append(config)
        self.programs.append(program)
        bits = program.nodes["q"].parameters.get("bits", 4)
        verdict = self.verdicts.get(bits, "met")
        if verdict == "raise":
            raise RuntimeError("a bug")
        if verdict != "silent":
            report = {
                "verdict": verdict,
                "exit_code": VERDICTS[verdict],
                "overrides": list(invocation.overrides),
                "bounds": [bound(value=0.25)],
                "recipe": program.recipe,
                "started": "2026-01-01T00:00:00+00:00",
                "seconds": 1.0,
                "diagnostics": [],
                "measured": [],
            }
            assert invocation.folder is not None
            (invocation.folder / "report.json").write_text(json.dumps(report))


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    made = Builds()
    monkeypatch.setattr(build, "_pipeline_back", made.back)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `chat.opt` in it."""
    (tmp_path / "chat.opt").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command line in this process."""

    def call(*words: str) -> Ran:
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def installed(folder: Path) -> Callable[..., Ran]:
    """The installed command as a process."""

    def call(*words: str) -> Ran:
        program = Path(sys.executable).with_name("infopt-compile")
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, cwd=folder)
        return Ran(done.returncode, done.stdout, done.stderr)

    return call
