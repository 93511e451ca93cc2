"""The recipes of this repository, built through the installed command in a folder and a cache of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).parents[2] / "recipes"
# times that are measured at all: what they are is not what these tests are about
QUICK = (
    "measure.seconds=1",
    "measure.min_blocks=2",
    "measure.requests=1",
    "measure.warmup=0",
    "measure.attribution=false",
)


def copy_recipe(name: str, place: Path) -> str:
    """The recipe in `place`; its file's name."""
    return Path(shutil.copy(RECIPES / f"{name}.opt", place)).name


def run(
    place: Path, *words: str, cache: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`infopt-compile WORDS` in `place`, with the store `place`/cache unless another is given."""
    command = [str(Path(sys.executable).with_name("infopt-compile")), *words]
    store = {"INFOPT_CACHE": str(cache or place / "cache"), "NO_COLOR": "1", "COLUMNS": "220"}
    variables = {**os.environ, **store, **(env or {})}
    return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, timeout=550)


def read_report(place: Path, recipe: str) -> dict[str, Any]:
    return dict(json.loads((place / f"outputs/{recipe}/latest/report.json").read_text("utf-8")))


def facts_of(report: dict[str, Any], pass_name: str) -> dict[str, Any]:
    """What the first step of that pass tells."""
    return dict(next(row["facts"] for row in report["passes"] if row["pass"] == pass_name))
