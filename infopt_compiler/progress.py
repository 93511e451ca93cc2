"""How long steps say how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, float, str], None]  # (done, total, what is being done)


def no_progress(done: float, total: float, message: str) -> None:
    """Say nothing."""
