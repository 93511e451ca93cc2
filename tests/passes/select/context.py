"""A RunContext on plain folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from infopt_compiler.passes.base import Earlier
from infopt_compiler.targets.model import Target

HERE = Target("cpu", 8e9, 30e9, 100e9, 0.1, cores=2, here=True)


@dataclass
class Context:
    staging: Path
    scratch: Path
    target: Target = HERE
    threads: int = 2
    seed: int = 0
    lines: list[str] = field(default_factory=list)
    earlier: Earlier | None = None

    def progress(self, done: float, total: float, message: str = "") -> None:
        assert 0 <= done <= total
        self.lines.append(message)

    def log(self, message: str) -> None:
        self.lines.append(message)


def context(folder: Path, target: Target = HERE) -> Context:
    (folder / "scratch").mkdir(parents=True)
    return Context(folder / "staging", folder / "scratch", target)
