"""The student's folder: the one that training started from, with the tensors that changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


def write_student(start: Path, changed: dict[str, Tensor], out: Path) -> None:
    """Copy `start` to `out` and put the changed tensors in. KeyError where one is in no file. The same input gives the
    same bytes."""
    left = dict(changed)
    for file in sorted(start.rglob("*")):
        if not file.is_file():
            continue
        place = out / file.relative_to(start)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors" and file.parent == start:
            _write_shard(file, left, place)
        else:
            shutil.copyfile(file, place)
    if left:
        raise KeyError(next(iter(left)))


def _write_shard(file: Path, changed: dict[str, Tensor], place: Path) -> None:
    with safe_open(file, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    for name in tensors.keys() & changed.keys():
        tensors[name] = changed.pop(name).to(tensors[name].dtype).contiguous()
    save_file(tensors, place, {"format": "pt"})
