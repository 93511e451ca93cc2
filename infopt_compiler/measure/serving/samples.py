"""What the serving processes reported: requests, in blocks, each block a fresh process. Seconds and bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request, or one batch of them that ran in step (`sequences` of them, one set of times).

    `ttft` from submitted text (a server's: from its arrival), `prefill` from token ids, both to the first token; `gaps`
    between tokens; `latency` end to end. `arrived` counts from the block's start, `queued` until the server took it up.
    `forward` is an encoder's forward pass; its requests generate nothing and have no other times than `latency`.
    """

    ttft: float
    prefill: float
    latency: float
    gaps: tuple[float, ...]
    prompt_tokens: int
    sequences: int = 1
    arrived: float = 0.0
    queued: float = 0.0
    forward: float = 0.0

    @property
    def output_tokens(self) -> int:
        """Per sequence."""
        return 0 if self.forward else len(self.gaps) + 1

    @property
    def tpot(self) -> float:
        return (self.latency - self.ttft) / len(self.gaps)


@dataclass(frozen=True)
class Block:
    """One serving process: `wall` seconds from the first to the last counted request; `peak` is VmHWM, `steady` the
    resident set after warm-up, `bare` the one before the artifact was opened (interpreter and runtime), `loaded` the one
    after it. `gpu`: bytes on GPUs at the end, None without one. `queue`: requests that were there, unanswered, when the first
    and when the last counted one arrived; None where none wait."""

    requests: tuple[Request, ...]
    wall: float
    load: float
    peak: int
    steady: int
    state: dict[str, Any] = field(
        default_factory=dict
    )  # of the machine while it ran: a MachineState's fields
    bare: int = 0
    loaded: int = 0
    gpu: int | None = None
    queue: tuple[int, int] | None = None

    @property
    def tokens_out(self) -> int:
        return sum(request.output_tokens * request.sequences for request in self.requests)

    @property
    def tokens_in(self) -> int:
        return sum(request.prompt_tokens * request.sequences for request in self.requests)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Block:
        requests = tuple(Request(**{**row, "gaps": tuple(row["gaps"])}) for row in data["requests"])
        more: dict[str, Any] = {k: data[k] for k in ("state", "bare", "loaded", "gpu") if k in data}
        if data.get("queue") is not None:
            more["queue"] = tuple(data["queue"])
        return cls(requests, data["wall"], data["load"], data["peak"], data["steady"], **more)


_PER_REQUEST: dict[str, Callable[[Request], list[float]]] = {
    "ttft": lambda request: [] if request.forward else [request.ttft],
    "prefill": lambda request: [] if request.forward else [request.prefill],
    "forward": lambda request: [request.forward] if request.forward else [],
    "latency": lambda request: [request.latency],
    "tpot": lambda request: [request.tpot] if request.gaps else [],
    "decode": lambda request: [1 / request.tpot] if request.gaps else [],
    "itl": lambda request: list(request.gaps),
}
_PER_BLOCK: dict[str, Callable[[Block], float]] = {
    "load": lambda block: block.load,
    "throughput": lambda block: block.tokens_out / block.wall,
    "throughput.total": lambda block: (block.tokens_out + block.tokens_in) / block.wall,
    "samples": lambda block: sum(request.sequences for request in block.requests) / block.wall,
    "memory.peak": lambda block: float(block.peak),
    "memory.steady": lambda block: float(block.steady),
}


def _good(request: Request, limits: Mapping[str, float]) -> int:
    """How many sequences of a request count."""
    inside = (value <= limit for metric, limit in limits.items() for value in _PER_REQUEST[metric](request))
    return request.sequences if all(inside) else 0


SERVED_METRICS: tuple[str, ...] = (*_PER_REQUEST, *_PER_BLOCK)


@dataclass(frozen=True)
class BlockSamples:
    """All blocks of one variant; `environment` names runtime, versions and threads as the process reported them."""

    blocks: tuple[Block, ...]
    environment: dict[str, Any] = field(default_factory=dict)

    def values(self, metric: str) -> list[list[float]]:
        """The samples of a metric, a list for each block; KeyError for metrics that are not served."""
        if metric in ("throughput", "throughput.total") and not any(
            block.tokens_out for block in self.blocks
        ):
            return []  # an encoder: `samples` is its rate
        if metric == "samples" and any(block.tokens_out for block in self.blocks):
            return []
        if metric in _PER_BLOCK:
            return [[_PER_BLOCK[metric](block)] for block in self.blocks]
        sample = _PER_REQUEST[metric]
        return [[value for request in block.requests for value in sample(request)] for block in self.blocks]

    def good_rates(self, limits: Mapping[str, float]) -> list[list[float]]:
        """Requests per second of each block that stayed within every limit (seconds by metric; `itl`: every gap)."""
        return [
            [sum(_good(request, limits) for request in block.requests) / block.wall] for block in self.blocks
        ]

    def pooled(self, metric: str) -> list[float]:
        return [value for block in self.values(metric) for value in block]

    def to_json(self) -> dict[str, Any]:
        return {"blocks": [asdict(block) for block in self.blocks], "environment": self.environment}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BlockSamples:
        return cls(tuple(Block.from_json(block) for block in data["blocks"]), data["environment"])
