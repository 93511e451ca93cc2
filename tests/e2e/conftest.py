"""A recipe over a tiny real Llama, built through the installed command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.recipes import read_report, run
from tests.passes.export.models import write_llama

# No `tune`: what it chooses beside other work is not final, and each build takes it up again.
RECIPE = """\
measure quick

model tiny = "file:tiny"

data prose = "file:prose.txt"
data calib = prose[0% .. 50%] { window = 32 tokens, sample = 4 }
data heldout = prose[60% .. 100%] { window = 32 tokens, sample = 8 }

scenario short { prompt = 16 tokens, generate = 8 tokens }

base = select(tiny)
q = quantize(base, method = gptq, bits = 8, group = 32, calibrate = calib)
chat = export(q)

budget chat under short {
    ttft.p50 <= 10 s
    tpot.p50 <= 10 s
    memory.peak <= 4 GiB
    size <= 50 MB
    perplexity <= 200% of base on heldout
    kl.mean <= 1 nats vs base on heldout
}
"""
PARAGRAPH = "The {0} pass reads what the {1} pass wrote, number {2}, and keeps   every space.\n\n"


@dataclass
class Workplace:
    """A folder with the tiny model and recipes, and a cache of its own."""

    folder: Path
    cache: Path

    def run(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        # What each pass did is measured by the one test that is about it: it doubles a build's time.
        builds = words[0].endswith(".opt") and not any("measure.attribution=" in word for word in words)
        more = ("measure.attribution=false",) if builds else ()
        return run(self.folder, *words, *more, cache=self.cache, env=env)

    def report(self, recipe: str = "tiny") -> dict[str, Any]:
        return read_report(self.folder, recipe)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("workplace")
    write_llama(folder / "tiny")
    words = ("select", "quantize", "export", "tune", "distill")
    text = "".join(PARAGRAPH.format(words[k % 5], words[(k * 3 + 1) % 5], k) for k in range(400))
    (folder / "prose.txt").write_text(text)
    (folder / "tiny.opt").write_text(RECIPE)
    return Workplace(folder, tmp_path_factory.mktemp("cache"))
