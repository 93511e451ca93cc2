"""`artifact/` of a run: what ships, taken out of the store."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact

_LINK_BYTES = (
    1 << 20
)  # larger files are hard links to the store's read-only ones; small ones are copies to edit


def ship(artifacts: dict[str, Artifact], folder: Path) -> list[dict[str, Any]]:
    """Lay out what ships: `artifact/`, or `artifact/<binding>/` where there are several. Rows for the report."""
    rows = []
    for binding, artifact in artifacts.items():
        place = Path("artifact") if len(artifacts) == 1 else Path("artifact") / binding
        _copy(artifact.path, folder / place)
        rows.append(
            {
                "binding": binding,
                "kind": artifact.kind,
                "path": place.as_posix(),
                "digest": artifact.digest,
                "size_bytes": artifact.size_bytes,
            }
        )
    return rows


def _copy(source: Path, destination: Path) -> None:
    for path in sorted(source.rglob("*")):
        target = destination / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.stat().st_size < _LINK_BYTES or not _link(path, target):
            shutil.copyfile(path, target)
            target.chmod(target.stat().st_mode | stat.S_IWUSR)


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        return False
    return True
