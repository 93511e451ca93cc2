"""The recipes that distill SmolLM2, built to a verdict with their quick presets and a tiny Llama in its place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.passes.export.models import write_llama

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FEWER = {"torch": "json.*", "numpy": "argparse", "sympy": "textwrap", "models": "email.*"}
QUICK = (
    *(f"{name}.source=python:{modules}" for name, modules in FEWER.items()),
    "smollm2.source=file:tiny",
    "calib.sample=4",
    "heldout.sample=4",
    "measure.seconds=1",
    "measure.min_blocks=2",
    "measure.requests=1",
    "measure.warmup=0",
    "measure.attribution=false",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    write_llama(folder / "tiny", hidden=128, heads=2, kv_heads=1, intermediate=192)
    return folder


def build(place: Path, name: str, *words: str) -> dict[str, Any]:
    """The facts of its `distill`; the verdicts are those of the real model's bounds."""
    shutil.copy(ROOT / f"recipes/{name}.opt", place)
    env = {**os.environ, "INFOPT_CACHE": str(place / "cache"), "NO_COLOR": "1"}
    command = [str(Path(sys.executable).with_name("infopt-compile")), f"{name}.opt", *QUICK, *words]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr
    folder = place / f"outputs/{name}/latest"
    assert list(folder.rglob("model.onnx"))
    report = json.loads((folder / "report.json").read_text("utf-8"))
    return next(row["facts"]["distillation"] for row in report["passes"] if row["pass"] == "distill")


def test_smollm2_small(place: Path) -> None:
    facts = build(place, "smollm2-small", "small.preset=quick", "small.layers=1")
    assert facts["student"]["made"] == "pruned"
    assert facts["training"]["distilled"]["steps"] == facts["training"]["control"]["steps"] == 3


def test_smollm2_w4_recover(place: Path) -> None:
    facts = build(place, "smollm2-w4-recover", "back.preset=quick")
    assert facts["quantization_aware"] and facts["student"]["refit_integers_changed"] > 0
    assert facts["training"]["distilled"]["steps"] == 3
