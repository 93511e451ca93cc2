"""The recipes of sharded models, built to a verdict with a tiny Llama of SmolLM2's three KV heads in its place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.recipes import QUICK, RECIPES, copy_recipe, facts_of, read_report, run
from tests.passes.export.models import write_llama

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    write_llama(folder / "tiny", hidden=96, heads=3, kv_heads=3, intermediate=192)
    for recipe in RECIPES.glob("smollm2-*p?.opt"):
        copy_recipe(recipe.stem, folder)
    return folder


@pytest.mark.parametrize(("name", "ranks"), [("smollm2-tp3", 3), ("smollm2-pp2", 2), ("smollm2-w4-tp3", 3)])
def test_a_recipe_builds_runs_and_merges(place: Path, name: str, ranks: int) -> None:
    built = run(place, f"{name}.opt", "smollm2.source=file:tiny", *QUICK)
    assert built.returncode in (0, 4), built.stdout + built.stderr  # times of a busy machine may be undecided
    folder = place / f"outputs/{name}/latest"
    report = read_report(place, name)
    facts = facts_of(report, "shard")
    assert facts["ranks"] == ranks and facts["shard_bytes"] == facts["planned_bytes"]
    verdicts = {row["metric"]: row["verdict"] for row in report["bounds"] if row["severity"] == "error"}
    assert set(verdicts.values()) == {"met"}, verdicts
    answered = run(place, "generate", str(folder / "artifact"), "the quick", "--tokens", "2", "--json")
    assert answered.returncode == 0, answered.stderr
    assert len(json.loads(answered.stdout)["ranks"]) == ranks
    merged = run(place, "merge", str(folder / "artifact"), f"merged-{name}")
    assert merged.returncode == 0, merged.stderr


def test_a_cut_group_is_refused_before_anything_runs(place: Path) -> None:
    refused = run(place, "check", "smollm2-w4-tp3.opt", "smollm2.source=file:tiny", "q.group=64")
    assert refused.returncode == 2  # the override is what is wrong
    assert "E0771" in refused.stderr or "does not divide" in refused.stderr


STAGES = """\
measure quick
model tiny = "file:tiny"
scenario short { prompt = 8 tokens, generate = 4 tokens }
parts = shard(tiny, tensor = 1, pipeline = 2, sequence = 1, data = 1)
onnx = export(parts, format = onnx)
budget onnx under short { size <= 50 MB, tpot.p50 <= 10 s }
"""


def test_a_recipe_exports_stages_that_the_runner_runs(place: Path) -> None:
    """From `shard` through `export` to a verdict, then the artifact by the program that ships with it."""
    (place / "stages.opt").write_text(STAGES)
    built = run(place, "stages.opt", *QUICK)
    assert built.returncode in (0, 4), built.stdout + built.stderr  # times of a busy machine may be undecided
    folder = place / "outputs/stages/latest"
    report = read_report(place, "stages")
    facts = facts_of(report, "export")
    assert facts["stages"] == [[0, 1], [1, 2]] and 0 <= facts["stages_max_difference"] <= 2e-4
    verdicts = {row["metric"]: row["verdict"] for row in report["bounds"]}
    assert verdicts["size"] == "met" and verdicts["tpot.p50"] in ("met", "inconclusive"), verdicts
    runner = [sys.executable, "-m", "infopt_compiler.runtimes.onnx_stages"]
    answered = subprocess.run(
        [*runner, str(folder / "artifact"), "the quick"], capture_output=True, text=True, timeout=300
    )
    assert answered.returncode == 0 and answered.stdout.strip(), answered.stderr
    refused = subprocess.run(
        [*runner, str(place / "tiny"), "the"], capture_output=True, text=True, timeout=300
    )
    assert refused.returncode == 1 and "stages.json" in refused.stderr and "Traceback" not in refused.stderr
