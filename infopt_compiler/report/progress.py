"""Progress of long steps: a bar with time left on a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import IO

_EVERY_SECONDS = 10.0  # plain lines: often enough to see life, seldom enough for a CI log


@dataclass
class Progress:
    """Implements the events of `execute` and of `measure`. One step at a time."""

    stream: IO[str]
    terminal: bool
    quiet: bool = False
    _name: str = ""
    _since: float = 0.0
    _printed: float = field(default=0.0)
    _width: int = 0
    _share: float = 0.0

    def step_started(self, name: str, detail: str) -> None:
        self._name, self._since, self._printed = name, time.monotonic(), time.monotonic()
        self._share = 0.0
        self._tell(f"{name}: {detail}")

    def progress(self, done: float, total: float, message: str = "") -> None:
        if self.quiet:
            return
        now = time.monotonic()
        if total <= 0 or done / total < self._share:  # a new stage of the step: its own time left
            self._since = now
        self._share = done / total if total > 0 else 0.0
        if self.terminal:
            self._overwrite(self._text(done, total, message, now))
        elif now - self._printed >= _EVERY_SECONDS:
            self._printed = now
            self._line(self._text(done, total, message, now))

    def step_finished(self, name: str, seconds: float) -> None:
        self._tell(f"{name}: done in {_duration(seconds)}")

    def step_cached(self, name: str) -> None:
        self._tell(f"{name}: cached")

    def warning(self, message: str) -> None:
        self._line(f"warning: {message}")

    def _tell(self, text: str) -> None:
        if not self.quiet:
            self._line(text)

    def _text(self, done: float, total: float, message: str, now: float) -> str:
        share = min(1.0, done / total) if total > 0 else 0.0
        elapsed = now - self._since
        left = f", {_duration(elapsed / share - elapsed)} left" if share > 0.02 else ""
        return f"{self._name}: {share:4.0%}{left}" + (f" · {message}" if message else "")

    def _overwrite(self, text: str) -> None:
        shown = text[:110]
        self.stream.write("\r" + shown.ljust(self._width))
        self.stream.flush()
        self._width = len(shown)

    def _line(self, text: str) -> None:
        if self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self._width = 0
        self.stream.write(text + "\n")
        self.stream.flush()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
