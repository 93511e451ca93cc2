"""What is known of a machine: memory, bandwidth, arithmetic, price."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A machine that serves. `here`: it is this machine and can be measured; otherwise values are only predicted.

    `bandwidth` is bytes/s of memory reads, `flops` float32 (CPU) or dense bf16 (GPU) operations per second,
    `node_seconds` the overhead of one graph node, `runtime_bytes` what the runtime holds besides weights and KV cache.
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
    source: str = ""
