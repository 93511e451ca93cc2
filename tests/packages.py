"""Packages of plug-ins as pip leaves them in a folder: modules, and the metadata that names entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parent / "plugin"


def write_package(folder: Path, name: str, module: str, **groups: str) -> None:
    """The distribution `name` with one module of that name; `groups` are its entry points (`passes="pack = m:Pack"`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(module)
    (info := folder / f"{name}-1.0.dist-info").mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"[infopt_compiler.{group}]\n{lines}\n" for group, lines in groups.items())
    (info / "entry_points.txt").write_text(points)


def install_example(folder: Path) -> Path:
    """The example package, built and installed by pip without a network; `folder` is what to put on the path."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    source = folder.parent / "plugin-source"  # a build writes into it
    _copy(EXAMPLE, source)
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


def infopt(
    place: Path, packages: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`infopt-compile WORDS` in `place`, where `packages` are installed."""
    own = {"PYTHONPATH": str(packages), "INFOPT_CACHE": str(place / "cache"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "infopt_compiler", *words]
    variables = {**os.environ, **own, **(env or {})}
    return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, timeout=300)


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.suffix in (".py", ".toml"):
            (copy := target / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
