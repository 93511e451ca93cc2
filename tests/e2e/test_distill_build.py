"""The recipes that distill SmolLM2, built to a verdict with their quick presets and a tiny Llama in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.recipes import QUICK, copy_recipe, facts_of, read_report, run
from tests.passes.export.models import write_llama

pytestmark = pytest.mark.slow
FEWER = {"torch": "json.*", "numpy": "argparse", "sympy": "textwrap", "models": "email.*"}
SMALL = (
    *(f"{name}.source=python:{modules}" for name, modules in FEWER.items()),
    "smollm2.source=file:tiny",
    "calib.sample=4",
    "heldout.sample=4",
    *QUICK,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    write_llama(folder / "tiny", hidden=128, heads=2, kv_heads=1, intermediate=192)
    return folder


def build(place: Path, name: str, *words: str) -> dict[str, Any]:
    """The facts of its `distill`; the verdicts are those of the real model's bounds."""
    done = run(place, copy_recipe(name, place), *SMALL, *words)
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr
    assert list((place / f"outputs/{name}/latest").rglob("model.onnx"))
    return dict(facts_of(read_report(place, name), "distill")["distillation"])


def test_smollm2_small(place: Path) -> None:
    facts = build(place, "smollm2-small", "small.preset=quick", "small.layers=1")
    assert facts["student"]["made"] == "pruned"
    assert facts["training"]["distilled"]["steps"] == facts["training"]["control"]["steps"] == 3


def test_smollm2_w4_recover(place: Path) -> None:
    facts = build(place, "smollm2-w4-recover", "back.preset=quick")
    assert facts["quantization_aware"] and facts["student"]["refit_integers_changed"] > 0
    assert facts["training"]["distilled"]["steps"] == 3
