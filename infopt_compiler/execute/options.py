"""How steps are run: the engine `local`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infopt_compiler.targets.machine import allowed_cores


@dataclass(frozen=True)
class ExecuteOptions:
    """`threads` 0: all cores that this process may use. A step that gives no sign for `hang_seconds` is ended; one
    whose processes hold more than `memory_bytes` (0: no ceiling) is ended. `logs`: folder for one log per step
    (None: beside the store)."""

    seed: int = 0
    threads: int = 0
    hang_seconds: float = 1800.0
    memory_bytes: float = 0.0
    logs: Path | None = None

    @property
    def thread_count(self) -> int:
        return self.threads or allowed_cores()
