"""Unpacks the one file, and opens what is in it as any Hugging Face folder."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from infopt_compiler.runtimes.protocol import Scorable
from infopt_compiler.runtimes.torch import score
from infopt_compiler.runtimes.torch.decoder import TransformersServer
from infopt_example.kind import FILE


class PackedServer(TransformersServer):
    """The model lies unpacked for as long as it takes to read it."""

    def __init__(self, folder: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            super().__init__(unpack(folder, Path(place)))


def open_scorable(folder: Path, scratch: Path) -> Scorable:
    return score.open_scorable(unpack(folder, scratch / "unpacked"), scratch)


def unpack(folder: Path, place: Path) -> Path:
    with tarfile.open(folder / FILE) as archive:
        archive.extractall(place, filter="data")
    return place
