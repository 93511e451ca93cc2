"""What a run keeps on disk, so that a kill between any two writes leaves something that can be gone on with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.durable import read_json, sync_folder, write_json
from infopt_compiler.passes.distill.training.checkpoint import PROGRESS

WORK = ".work"  # inside the staging folder: what a killed run left there is gone on with
CONTROL, DISTILLED = "control", "distilled"
FINISHED = ".finished.json"  # in the staging folder: the student is in place, and these are its facts


def open_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> tuple[Any, bool]:
    """A file of numbers, and whether it was there already: then what is in it stays. Raises OSError where the disk is too
    full for it: a mapped file with holes would end the process only when they are written to."""
    import numpy as np

    there = path.is_file()
    if not there:
        partial = path.with_suffix(".partial")
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape)
        array.flush()
        with partial.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        partial.replace(path)
    return np.lib.format.open_memmap(path, mode="r+"), there


def ship(student: Path, staging: Path, work: Path, facts: dict[str, Any]) -> None:
    """Put the student's files into the staging folder and remove the work folder. Nothing is missing from the latter before
    all is in the former, and said to be."""
    for file in sorted(student.rglob("*")):
        if file.is_file():
            place = staging / file.relative_to(student)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            os.link(file, place)
    sync_folder(staging)
    write_json(staging / FINISHED, facts)
    shipped(staging, work)


def shipped(staging: Path, work: Path) -> dict[str, Any] | None:
    """The facts of a run that was killed while it cleaned up, which is done now; None where none got so far."""
    facts: dict[str, Any] | None = read_json(staging / FINISHED)
    if facts is not None:
        shutil.rmtree(work, ignore_errors=True)
        (staging / FINISHED).unlink()
    return facts


def training_folder(work: Path, label: str) -> Path:
    """Where the checkpoints of one training are."""
    return work / "training" / label


def unfinished(staging: Path) -> str | None:
    """What a run would go on with; None where nothing is there."""
    work, found = staging / WORK, None
    if (staging / FINISHED).is_file():
        return "its last file"
    for label in (DISTILLED, CONTROL):  # in the order of the trainings
        folder = training_folder(work, label)
        notes = (read_json(path) for path in sorted(folder.glob(f"**/{PROGRESS}")))
        note = next((one for one in notes if one is not None), None)
        if note is None:
            return found or ("preparing" if work.is_dir() and any(work.iterdir()) else None)
        if not note["ended"]:
            return f"step {note['step']} of {note['steps']} of training `{label}`"
        found = f"training `{CONTROL}`"
    return "judging"
