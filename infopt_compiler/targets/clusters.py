"""Clusters by name, from public data sheets. Bandwidths are of one device in one direction.

Latencies: NCCL's own model, `src/graph/tuning.cc` (2.21): ring, low-latency protocol, 0.6 us for a step over NVLink, 1.0 us
over PCIe, 6.6 us to start; between machines its simple protocol over the network, 14 us for a step.
"""

from __future__ import annotations

from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.efficiency import NVLINK, PCIE
from infopt_compiler.targets.model import Target

_START = 6.6e-6
_NVLINK_3 = Link(300e9, 0.6e-6, _START, "NVLink")
_NVLINK_4 = Link(450e9, 0.6e-6, _START, "NVLink")
# A10G: PCIe 4.0 x16, 32 GB/s; without access to a peer's memory what is sent crosses the host, so the bus twice.
_PCIE_4 = Link(16e9, 1.0e-6, _START, "PCIe")


def _network(gigabits: float, devices: int) -> Link:
    """The machine's network shared by its devices."""
    return Link(gigabits / 8 * 1e9 / devices, 14e-6, _START, "EFA")


_P5_SOURCE = (
    "NVIDIA H100 data sheet, SXM: 80 GB HBM3, 3.35 TB/s, 989 TFLOP/s dense bf16, NVLink 900 GB/s both directions; "
    "AWS P5 page: p5.48xlarge, 8 H100, 3200 Gbit/s EFA; price: us-east-1 on demand since June 2025"
)


def _p5(name: str, machines: int) -> Target:
    return Target(
        name=name,
        memory_bytes=80e9,
        bandwidth=3.35e12,
        flops=989e12,
        usd_per_hour=55.04 * machines,
        cores=132,
        devices=8 * machines,
        node_seconds=3e-6,
        runtime_bytes=3e9,
        cache_bytes=50e6,
        source=_P5_SOURCE,
        cluster=Cluster(machines, 8, _NVLINK_4, _network(3200, 8), _P5_SOURCE),
        efficiency=NVLINK,
    )


_P4D = Target(
    name="p4d_24xlarge",
    memory_bytes=40e9,
    bandwidth=1.555e12,
    flops=312e12,
    usd_per_hour=21.96,
    cores=108,
    devices=8,
    node_seconds=3e-6,
    runtime_bytes=3e9,
    cache_bytes=40e6,
    source="NVIDIA A100 data sheet, 40 GB SXM: 1,555 GB/s, 312 TFLOP/s dense bf16, NVLink 600 GB/s both directions; AWS P4 page: "
    "p4d.24xlarge, 8 A100, 400 Gbit/s EFA; price: us-east-1 on demand since June 2025",
    cluster=Cluster(1, 8, _NVLINK_3, _network(400, 8)),
    efficiency=NVLINK,
)
_G5 = Target(
    name="g5_48xlarge",
    memory_bytes=24e9,
    bandwidth=600e9,
    flops=70e12,
    usd_per_hour=16.288,
    cores=80,
    devices=8,
    node_seconds=4e-6,
    runtime_bytes=1.5e9,
    cache_bytes=6e6,
    source="NVIDIA A10G: 24 GB GDDR6, 600 GB/s, 70 TFLOP/s dense bf16, PCIe 4.0 x16, no NVLink (AWS G5 page and A10 data sheet); "
    "g5.48xlarge: 8 A10G, 100 Gbit/s; price: us-east-1 on demand",
    cluster=Cluster(1, 8, _PCIE_4, _network(100, 8)),
    efficiency=PCIE,
)

# Processes of this machine, joined by gloo over the loopback: measured between two of them (docs/parallelization.md).
_LOOPBACK = Link(7.15e8, 3.96e-5, 1.22e-3, "gloo")
GLOO = Cluster(1, 64, _LOOPBACK, _LOOPBACK, "this machine, processes joined by gloo")

CLUSTERS: dict[str, Target] = {
    target.name: target for target in (_p5("p5_48xlarge", 1), _p5("p5_48xlarge_x2", 2), _P4D, _G5)
}
