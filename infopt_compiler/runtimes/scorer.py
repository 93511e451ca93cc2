"""A scoring process seen from outside: started, asked window by window, ended."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from infopt_compiler.artifacts.handles import Artifact
from infopt_compiler.diagnostics import DiagnosticError, Note, error
from infopt_compiler.runtimes.last_words import last_words
from infopt_compiler.runtimes.registry import scorer_of


class Scorer:
    """A context manager; DiagnosticError E0904 where nothing scores the artifact, E0908 with the process's last words where it
    fails."""

    def __init__(self, artifact: Artifact, scratch: Path) -> None:
        self._artifact = artifact
        self._log = scratch / "stderr.txt"
        scratch.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-P",  # a module of the current folder is nobody's library
            "-m",
            "infopt_compiler.runtimes.score",
            scorer_of(artifact).name,
            str(artifact.path),
            str(scratch / "view"),
        ]
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def __enter__(self) -> Scorer:
        return self

    @cached_property
    def ready(self) -> dict[str, Any]:
        """Its first line: library versions. Read when it is wanted, so that several processes load at once."""
        return self._read()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.communicate()

    def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send one command, wait for its answer."""
        _ = self.ready
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(command) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self) -> DiagnosticError:
        status = self._child.wait()
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        words = last_words(self._log.read_text(errors="replace"))
        kind = self._artifact.kind
        message = f"the process that scores the {kind} {how}"
        return DiagnosticError(error("E0908", message, notes=(Note(words),)))
