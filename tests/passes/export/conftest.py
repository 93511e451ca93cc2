from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.passes.export.build import build
from tests.passes.export.models import write_llama, write_quantized

DOCUMENTS = ["The quick brown fox has 12  legs.\n\n    indented ½\n"]


@dataclass
class Context:
    """A RunContext on plain folders."""

    staging: Path
    scratch: Path
    threads: int = 2
    seed: int = 0
    target: Any = None
    lines: list[str] = field(default_factory=list)

    def progress(self, done: float, total: float, message: str = "") -> None:
        assert 0 <= done <= total

    def log(self, message: str) -> None:
        self.lines.append(message)


@dataclass(frozen=True)
class Exported:
    """A source and the artifact made of it, both shared by the session: copy before changing."""

    source: Path
    artifact: Path


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("export") / "llama")


@pytest.fixture(scope="session")
def exported(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Asymmetric int4, head and embedding one int8 table."""
    root = tmp_path_factory.mktemp("exported")
    source = write_quantized(llama, root / "source", symmetric=False)
    (root / "artifact").mkdir()
    build(source, root / "artifact", root, lambda message: None)
    return Exported(source, root / "artifact")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "scratch").mkdir()
    return Context(tmp_path / "staging", tmp_path / "scratch")


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """Makes a copy of a folder that a test may spoil."""

    def copy(folder: Path) -> Path:
        target = tmp_path / f"copy-of-{folder.name}"
        shutil.copytree(folder, target)
        return target

    return copy
