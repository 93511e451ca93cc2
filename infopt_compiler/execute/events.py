"""What a build tells while it runs. `report` shows it."""

from __future__ import annotations

from typing import Protocol


class Events(Protocol):
    """Called in the process of the build, in order; `total` is 0 where it is not known."""

    def step_started(self, name: str, detail: str) -> None: ...

    def progress(self, done: float, total: float, message: str = "") -> None: ...

    def step_finished(self, name: str, seconds: float) -> None: ...

    def step_cached(self, name: str) -> None: ...

    def warning(self, message: str) -> None: ...


class Silent:
    """Events that go nowhere."""

    def step_started(self, name: str, detail: str) -> None:
        return None

    def progress(self, done: float, total: float, message: str = "") -> None:
        return None

    def step_finished(self, name: str, seconds: float) -> None:
        return None

    def step_cached(self, name: str) -> None:
        return None

    def warning(self, message: str) -> None:
        return None
