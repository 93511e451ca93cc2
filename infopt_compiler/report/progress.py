"""Progress of a build: which step of how many, and what is left of all; plain lines where there is no terminal."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

_EVERY_SECONDS = 60.0  # plain lines of a step: often enough to see life, seldom enough for a CI log
_MOST_WRONG = 5.0  # times that estimates are taken to be off, whatever the first steps took
_PHASE = " · "  # between a phase of a budget and what is done in it


@dataclass
class Progress:
    """Implements the events of `execute` and of `measure`. One step at a time."""

    stream: IO[str]
    terminal: bool
    quiet: bool = False
    _expected: dict[str, float | None] = field(default_factory=dict)
    _name: str = ""
    _phase: str = ""
    _began: float = 0.0  # the step
    _since: float = 0.0  # the stage of it whose share is known
    _phase_since: float = 0.0
    _printed: float = 0.0
    _shown: bool = False
    _share: float = 0.0
    _took: float = 0.0  # seconds of finished steps, and what was expected of them
    _guessed: float = 0.0

    def expect(self, steps: Mapping[str, float | None]) -> None:
        """All steps of the build in order, with the seconds that each is expected to take (0: cached, None: not known)."""
        self._expected = dict(steps)

    def step_started(self, name: str, detail: str) -> None:
        now = time.monotonic()
        self._name, self._began, self._since, self._printed = name, now, now, now
        self._share, self._phase = 0.0, ""
        if self.terminal and not self.quiet:
            self._overwrite(f"{self._head()}: {detail}{self._left(now)}")

    def progress(self, done: float, total: float, message: str = "") -> None:
        if self.quiet:
            return
        now = time.monotonic()
        if self._name.startswith("budget "):
            phase, mark, rest = message.partition(_PHASE)
            if mark:
                self._enter(phase, now)
                message = rest
        if total <= 0 or done / total < self._share:  # a new stage of the step: its own time left
            self._since = now
        self._share = min(1.0, done / total) if total > 0 else 0.0
        if self.terminal:
            self._overwrite(self._text(message, now))
        elif now - self._printed >= _EVERY_SECONDS:
            self._printed = now
            self._line(self._text(message, now))

    def step_finished(self, name: str, seconds: float) -> None:
        self._enter("", time.monotonic())
        self._tell(f"{self._head(name)}: {_duration(seconds)}")
        expected = self._expected.get(name)
        if expected and not name.startswith("budget "):  # measuring ends by the clock
            self._took, self._guessed = self._took + seconds, self._guessed + expected
        self._expected[name] = 0.0
        self._name = ""

    def step_cached(self, name: str) -> None:
        self._tell(f"{self._head(name)}: cached")
        self._expected[name] = 0.0

    def warning(self, message: str) -> None:
        self._line(f"warning: {message}")

    def clear(self) -> None:
        """Take the line that is overwritten away: what follows is no progress."""
        if self._shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self._shown = False

    def _enter(self, phase: str, now: float) -> None:
        """A budget's phase begins; the one before it gets a line of its own below the step."""
        if phase == self._phase:
            return
        if self._phase:
            self._tell(f"    {self._phase}: {_duration(now - self._phase_since)}")
        self._phase, self._phase_since, self._since, self._share = phase, now, now, 0.0

    def _head(self, name: str | None = None) -> str:
        """`[3/8] q`"""
        name, names = self._name if name is None else name, list(self._expected)
        return f"[{names.index(name) + 1}/{len(names)}] {name}" if name in names else name

    def _text(self, message: str, now: float) -> str:
        phase = f"{_PHASE}{self._phase}" if self._phase else ""
        share = f" {self._share:.0%}" if self._share > 0 else ""
        return f"{self._head()}{phase}{share}{self._left(now)}" + (f"{_PHASE}{message}" if message else "")

    def _left(self, now: float) -> str:
        """`, 2 min 05 s left` of the whole build; `over` where a later step is not known."""
        names = list(self._expected)
        later = (
            [self._expected[name] for name in names[names.index(self._name) + 1 :]]
            if self._name in names
            else []
        )
        own, factor = self._own_left(now), self._factor()
        if own is None and not any(later):
            return ""
        known = (own or 0.0) + sum(seconds * factor for seconds in later if seconds)
        over = "over " if own is None or None in later else ""
        return f", {over}{_duration(known)} left"

    def _own_left(self, now: float) -> float | None:
        """Of this step: by its share where one is known, and no less than what was expected of it says."""
        elapsed = now - self._since
        by_share = elapsed / self._share - elapsed if self._share > 0.02 else None
        expected = self._expected.get(self._name)
        rest = None if not expected else max(0.0, expected * self._factor() - (now - self._began))
        known = [seconds for seconds in (by_share, rest) if seconds is not None]
        return max(known, default=None)

    def _factor(self) -> float:
        """How many times longer than expected the finished steps took."""
        factor = self._took / self._guessed if self._guessed else 1.0
        return min(max(factor, 1 / _MOST_WRONG), _MOST_WRONG)

    def _tell(self, text: str) -> None:
        if not self.quiet:
            self._line(text)

    def _overwrite(self, text: str) -> None:
        self.stream.write("\r\x1b[K" + text[: self._columns() - 1])
        self.stream.flush()
        self._shown = True

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError, AttributeError):
            return shutil.get_terminal_size().columns

    def _line(self, text: str) -> None:
        self.clear()
        self.stream.write(text + "\n")
        self.stream.flush()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
