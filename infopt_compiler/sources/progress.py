"""How sources tell how far they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

Tell = Callable[[float, float, str], None]  # done, total (0: unknown), message

_CHUNK = 1 << 22


def copy_bytes(source: BinaryIO, target: BinaryIO, total: int, tell: Tell, message: str) -> int:
    """Copy at most `total` + 1 bytes, so that a caller sees an input that is longer than it claims."""
    done = 0
    while chunk := source.read(min(_CHUNK, total + 1 - done)):
        target.write(chunk)
        done += len(chunk)
        tell(done, total, message)
    return done


def copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
