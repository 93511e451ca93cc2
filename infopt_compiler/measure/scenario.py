"""What requests a deployed model serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """Requests of `prompt` tokens that generate exactly `generate` tokens, `batch` at a time.

    `context` is the runtime's max_length; 0 means prompt + generate. `utilization` is the share of time
    that the machine is busy, for `cost`.
    """

    name: str = "default"
    prompt: int = 128
    generate: int = 64
    batch: int = 1
    context: int = 0
    utilization: float = 1.0

    @property
    def max_length(self) -> int:
        return self.context or self.prompt + self.generate
