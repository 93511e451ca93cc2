"""Events of a worker to its parent: JSON lines on a pipe of their own, so that no library's print can disturb them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from infopt_compiler.passes.base import Earlier
from infopt_compiler.targets.model import Target

_EVERY_SECONDS = 0.1


class Channel:
    """The writing end, in the worker. Children of the worker do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._last = 0.0

    def send(self, event: str, **data: Any) -> None:
        """One line; ValueError for data that is no JSON, BrokenPipeError where the parent is gone."""
        line = json.dumps({"event": event, **data}, allow_nan=False) + "\n"
        view = memoryview(line.encode())
        while view:
            view = view[os.write(self._descriptor, view) :]

    def progress(self, done: float, total: float, message: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= _EVERY_SECONDS or done == total:
            self._last = now
            self.send("progress", done=float(done), total=float(total), message=message)


class WorkerContext:
    """The `RunContext` that a pass gets."""

    def __init__(
        self,
        channel: Channel,
        staging: Path,
        scratch: Path,
        threads: int,
        seed: int,
        target: Target,
        earlier: Earlier | None = None,
    ) -> None:
        self.staging = staging
        self.scratch = scratch
        self.threads = threads
        self.seed = seed
        self.target = target
        self.earlier = earlier
        self._channel = channel

    def progress(self, done: float, total: float, message: str = "") -> None:
        self._channel.progress(done, total, message)

    def log(self, message: str) -> None:
        self._channel.send("log", message=message)
