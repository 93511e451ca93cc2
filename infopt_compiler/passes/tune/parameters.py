"""The parameters of `tune`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from infopt_compiler.passes.base import param
from infopt_compiler.units import Dimension, parse_quantity


class Objective(str, Enum):
    latency = "latency"  # median end-to-end time of a request
    ttft = "ttft"  # median time to first token
    tpot = "tpot"  # median time per output token
    throughput = (
        "throughput"  # output tokens (of an encoder texts) per second of wall time: its inverse is minimized
    )


@dataclass(kw_only=True)
class TuneParameters:
    """What a recipe says of a search for settings."""

    minimize: Objective = param(
        Objective.latency,
        "what is minimized; `throughput` minimizes the wall time per output token of all requests together",
    )
    time: str = param("90 s", "wall time for the search", dimension=Dimension.time)
    requests: int = param(2, "requests per block; a block is one fresh process", minimum=1, maximum=1000)
    rounds: int = param(
        6, "at most so many pairs of blocks for each setting; two to four decide most", minimum=2, maximum=100
    )
    gain: str = param(
        "2%", "a setting changes only for at least this relative gain", dimension=Dimension.fraction
    )
    threads: int = param(
        0, "up to how many threads are tried; 0: the machine's physical cores", minimum=0, maximum=1024
    )
    max_kl: str = param(
        "0.02 nats",
        "upper bound on the mean KL that accuracy level 4 (int8 activations) may cost",
        dimension=Dimension.information,
    )

    @property
    def seconds(self) -> float:
        """`time` as a number."""
        return parse_quantity(self.time).base

    @property
    def least_gain(self) -> float:
        """`gain` as a share."""
        return parse_quantity(self.gain).base

    @property
    def most_kl(self) -> float:
        """`max_kl` in nats."""
        return parse_quantity(self.max_kl).base
