"""Logits on disk, a file for each prompt: ranks write positions as they compute them, so that none holds many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class LogitFiles:
    """`<row>.f32`: float32 (positions, vocabulary). Several ranks may write different positions."""

    def __init__(self, folder: Path, prompts: tuple[tuple[int, ...], ...]) -> None:
        self._folder, self._rows = folder, len(prompts)

    def write(self, row: int, position: int, logits_V: Tensor) -> None:
        data = logits_V.contiguous().cpu().numpy()
        file = os.open(self._folder / f"{row}.f32", os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(file, data, position * data.nbytes)
        finally:
            os.close(file)


def read_logits(folder: Path, row: int, position: int, vocabulary: int) -> np.ndarray[Any, Any]:
    """float32 (vocabulary) of one position."""
    import numpy as np

    with (folder / f"{row}.f32").open("rb") as file:
        file.seek(position * vocabulary * 4)
        return np.frombuffer(file.read(vocabulary * 4), np.float32)
