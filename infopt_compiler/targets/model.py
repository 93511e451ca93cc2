"""What is known of a machine: memory, bandwidth, arithmetic, price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.efficiency import Efficiency


@dataclass(frozen=True)
class Target:
    """A machine that serves. `here`: it is this machine and can be measured; otherwise values are only predicted.

    `bandwidth` is bytes/s of memory reads, `flops` float32 (CPU) or dense bf16 (GPU) operations per second,
    `node_seconds` the overhead of one graph node, `runtime_bytes` what the runtime holds besides weights and KV cache.
    With several devices these are of one, `usd_per_hour` is of all; `cluster` says how they are joined, `efficiency` what
    is reached of the data sheet. `disturbed`: others used this machine while it was probed, so it can do more.
    """

    name: str
    memory_bytes: float
    bandwidth: float
    flops: float
    usd_per_hour: float
    cores: int
    devices: int = 1
    node_seconds: float = 8e-6
    runtime_bytes: float = 120e6
    cache_bytes: float = 32e6
    here: bool = False
    disturbed: bool = False
    source: str = ""
    cluster: Cluster | None = None
    efficiency: Efficiency | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Target:
        """The inverse of `dataclasses.asdict`, through JSON too."""
        cluster, efficiency = data.get("cluster"), data.get("efficiency")
        if cluster is not None:
            links = {name: Link(**cluster[name]) for name in ("inside", "between")}
            cluster = Cluster(**{**cluster, **links})
        if efficiency is not None:
            efficiency = Efficiency(**{**efficiency, "batch_sizes": tuple(efficiency["batch_sizes"])})
        return cls(**{**data, "cluster": cluster, "efficiency": efficiency})
