"""`infopt.json` in an artifact: which settings it was given. No timings, so that equal choices give equal bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.model_spec import NOTE
from infopt_compiler.passes.tune.settings import Settings


def read_note(folder: Path) -> dict[str, Any]:
    """What the folder's note holds; nothing where there is none."""
    path = folder / NOTE
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def write_note(folder: Path, settings: Settings, default: Settings, why: dict[str, Any]) -> None:
    """Settings, and what of them differs from the default; what others wrote there, and what `why` does not say, stays."""
    path, note = folder / NOTE, read_note(folder)
    said = {**note.get("tune", {}), "settings": asdict(settings), "changed": settings.changes(default), **why}
    path.unlink(missing_ok=True)  # it may be a hard link
    path.write_text(json.dumps({**note, "tune": said}, indent=2, sort_keys=True) + "\n", "utf-8")
