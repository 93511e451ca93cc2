"""Several devices and what joins them: machines, links, and how long collectives take over them."""

from __future__ import annotations

from dataclasses import dataclass

from infopt_compiler.artifacts.mesh import Mesh


@dataclass(frozen=True)
class Link:
    """`bandwidth`: bytes/s that a device sends while it receives as much; `hop_seconds`: latency of one step of a ring;
    `start_seconds`: of starting a collective."""

    bandwidth: float
    hop_seconds: float
    start_seconds: float
    name: str = "link"

    def send(self, size: float) -> float:
        """Seconds from one device to the next."""
        return self.start_seconds + self.hop_seconds + size / self.bandwidth

    def all_gather(self, ranks: int, size: float) -> float:
        """Seconds until each of `ranks` has the `size` bytes of all together: ring, (n-1)/n of the volume."""
        if ranks == 1:
            return 0.0
        return (
            self.start_seconds + (ranks - 1) * self.hop_seconds + (ranks - 1) / ranks * size / self.bandwidth
        )

    def all_reduce(self, ranks: int, size: float) -> float:
        """Seconds of summing `size` bytes over a ring: reduce-scatter and all-gather, 2(n-1)/n of the volume and 2(n-1)
        steps (Patarasuk, Yuan: Bandwidth optimal all-reduce, JPDC 69(2), 2009)."""
        if ranks == 1:
            return 0.0
        volume = 2 * (ranks - 1) / ranks * size
        return self.start_seconds + 2 * (ranks - 1) * self.hop_seconds + volume / self.bandwidth


@dataclass(frozen=True)
class Cluster:
    """`machines` of `per_machine` devices each; `inside` joins the devices of one, `between` those of two."""

    machines: int
    per_machine: int
    inside: Link
    between: Link
    source: str = ""

    @property
    def devices(self) -> int:
        return self.machines * self.per_machine

    def link_of(self, mesh: Mesh, axis: str) -> Link:
        """What joins the ranks of a group on `axis`: the slowest link on its way. Ranks fill machines in their order."""
        span = mesh.tensor
        for name in ("sequence", "pipeline", "data"):
            if axis == "tensor":
                break
            span *= getattr(mesh, name)
            if name == axis:
                break
        if self.machines == 1:
            return self.inside
        return self.inside if span <= self.per_machine and self.per_machine % span == 0 else self.between
