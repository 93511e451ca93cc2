"""Tasks of lm-evaluation-harness: a model's answers document by document, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.handles import Artifact, TaskData
from infopt_compiler.diagnostics import DiagnosticError, Note, error
from infopt_compiler.progress import Progress, no_progress
from infopt_compiler.runtimes.last_words import last_words
from infopt_compiler.runtimes.registry import scorer_of


@dataclass(frozen=True)
class Answered:
    """One document: `right` as the task scores it (0 to 1), `normed` with log-likelihoods per byte where it has choices."""

    document: int
    right: float
    normed: float | None
    excerpt: str


@dataclass(frozen=True)
class TaskResult:
    rows: tuple[Answered, ...]
    versions: dict[str, str]

    def scores(self, metric: str) -> list[float]:
        """By document, in their order. `check_tasks` has seen that they are there."""
        if metric == "accuracy":
            return [row.right for row in self.rows]
        return [row.normed if row.normed is not None else 0.0 for row in self.rows]

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", *(("accuracy.norm",) if all(row.normed is not None for row in self.rows) else ()))

    def to_json(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows], "versions": self.versions}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TaskResult:
        return cls(tuple(Answered(**row) for row in data["rows"]), data["versions"])


def score_task(artifact: Artifact, data: TaskData, *, progress: Progress = no_progress) -> TaskResult:
    """DiagnosticError E0904 for kinds that cannot be scored, E0905, E0906, E0908, E0910, E0615, E0619."""
    scorer_of(artifact)
    with tempfile.TemporaryDirectory(prefix="infopt-task-") as scratch:
        return _ask(artifact, data, Path(scratch), progress)


def _ask(artifact: Artifact, data: TaskData, scratch: Path, progress: Progress) -> TaskResult:
    module = "infopt_compiler.measure.tasks.harness"
    arguments = [str(data.path), artifact.kind, str(artifact.path), str(scratch / "model")]
    log = scratch / "stderr.txt"
    with log.open("w") as errors:
        command = [sys.executable, "-P", "-m", module, *arguments]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=scratch)
    try:
        assert child.stdout is not None
        for line in child.stdout:
            said = json.loads(line)
            if said["event"] == "progress":
                progress(said["done"], said["total"], "answering a task")
            elif said["event"] == "result":
                return TaskResult.from_json(said)
            else:
                notes = tuple(Note(text) for text in said["notes"])
                raise DiagnosticError(error(said["code"], said["message"], notes=notes, help=said["help"]))
    finally:
        child.kill()
        child.communicate()
    words = Note(last_words(log.read_text(errors="replace")))
    raise DiagnosticError(
        error("E0908", "the process that scores a task ended without an answer", notes=(words,))
    )
