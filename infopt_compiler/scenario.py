"""What requests a deployed model serves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ScenarioMode(str, Enum):
    """How requests come (the names of MLPerf Inference, arXiv 1911.02549, section III)."""

    single = "single"  # one after another
    batch = "batch"  # `batch` equal prompts, in step
    offline = "offline"  # all at once: only the throughput counts
    server = "server"  # Poisson arrivals at `rate`, at most `concurrency` served at a time


@dataclass(frozen=True)
class Scenario:
    """Requests of `prompt` tokens that generate exactly `generate` tokens, `batch` at a time.

    `context` is the runtime's max_length; 0 means prompt + generate. `utilization` is the share of time
    that the machine is busy, for `cost`. `rate` is in requests per second. `prompts` names the data whose texts are
    sent, each with its own length up to `prompt` tokens; None: texts of just `prompt` tokens. An encoder generates nothing.
    """

    name: str = "default"
    prompt: int = 128
    generate: int = 64
    batch: int = 1
    context: int = 0
    utilization: float = 1.0
    mode: ScenarioMode = ScenarioMode.single
    rate: float = 0.0
    concurrency: int = 1
    prompts: str | None = None

    @property
    def max_length(self) -> int:
        return self.context or self.prompt + self.generate
