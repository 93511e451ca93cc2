"""Folders of runs: `outputs/<recipe>/<time>/`, one run each, and `latest` beside them."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from infopt_compiler.diagnostics import DiagnosticError, Input, error

_HINT = "choose another one: `--outputs DIR`"
SNAPSHOT = (
    "recipe.opt"  # the recipe as it was built; jobs of a sweep read it, not a file that may change meanwhile
)
_MOST_RUNS_A_SECOND = 10_000


def create_run_dir(outputs: Path, recipe: str, text: Input, now: datetime | None = None) -> Path:
    """A new folder with a snapshot of the recipe, absolute; never one that another run has. DiagnosticError E0555."""
    parent = outputs.expanduser().absolute() / recipe
    if "${" in str(parent):  # Hydra would take it for an interpolation
        raise DiagnosticError(
            error("E0555", f"no folder for this run in `{parent}`: its name has `${{` in it", help=_HINT)
        )
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = _new_folder(parent, (now or datetime.now()).strftime("%Y-%m-%d_%H-%M-%S"))
        (folder / SNAPSHOT).write_text(text.text, "utf-8", newline="")
        _point_latest(parent / "latest", folder.name)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise DiagnosticError(
            error(
                "E0555",
                f"no folder for this run in `{parent}`: {reason}",
                help=_HINT,
            )
        ) from problem
    return folder


def _new_folder(parent: Path, time: str) -> Path:
    """`mkdir` is atomic: of two runs in one second, one gets a suffix."""
    for number in range(1, _MOST_RUNS_A_SECOND):
        folder = parent / (time if number == 1 else f"{time}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise OSError(f"{_MOST_RUNS_A_SECOND} runs in one second")


def _point_latest(link: Path, name: str) -> None:
    """Replace the link in one step. It is set when a run starts: after a crash it must not show an older run's report."""
    temporary = link.with_name(f".latest.{os.getpid()}.{name}")
    temporary.symlink_to(name, target_is_directory=True)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink()
        raise
