"""How many ranks a model is split over, and along what; which rank stands where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

AXES = (
    "data",
    "pipeline",
    "sequence",
    "tensor",
)  # of ranks, the last one fastest: neighbours share a tensor group


@dataclass(frozen=True)
class Coordinate:
    """The place of a rank on each axis."""

    data: int = 0
    pipeline: int = 0
    sequence: int = 0
    tensor: int = 0


@dataclass(frozen=True)
class Mesh:
    """Degrees of parallelism. Ranks count tensor fastest, then sequence, pipeline, data.

    `experts` is no axis of its own: it divides `tensor`. The tensor group holds the experts of a layer in `experts`
    parts, and each expert in `tensor / experts` pieces (TensorRT-LLM: moe_ep_size x moe_tp_size = tp_size).
    """

    tensor: int = 1
    pipeline: int = 1
    sequence: int = 1
    data: int = 1
    experts: int = 1

    @property
    def world(self) -> int:
        """The number of ranks."""
        return self.data * self.pipeline * self.sequence * self.tensor

    @property
    def replica(self) -> int:
        """The number of ranks of one copy of the model."""
        return self.world // self.data

    def coordinate(self, rank: int) -> Coordinate:
        """Where a rank stands; ValueError outside 0 … world-1."""
        if not 0 <= rank < self.world:
            raise ValueError(f"rank {rank} of a mesh of {self.world}")
        rest, tensor = divmod(rank, self.tensor)
        rest, sequence = divmod(rest, self.sequence)
        data, pipeline = divmod(rest, self.pipeline)
        return Coordinate(data, pipeline, sequence, tensor)

    def rank(self, at: Coordinate) -> int:
        """The inverse of `coordinate`."""
        place = (at.data * self.pipeline + at.pipeline) * self.sequence + at.sequence
        return place * self.tensor + at.tensor

    def coordinates(self) -> Iterator[Coordinate]:
        """In the order of ranks."""
        return (self.coordinate(rank) for rank in range(self.world))

    def group(self, rank: int, axis: str) -> tuple[int, ...]:
        """The ranks that differ from `rank` on `axis` only, itself among them, in order."""
        here = asdict(self.coordinate(rank))
        return tuple(self.rank(Coordinate(**{**here, axis: k})) for k in range(getattr(self, axis)))

    def expert_part(self, at: Coordinate) -> int:
        """Which of the `experts` parts of a layer's experts a rank holds."""
        return at.tensor // (self.tensor // self.experts)

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Mesh:
        return cls(**{name: int(data[name]) for name in asdict(cls())})

    def __str__(self) -> str:
        """`tensor 4 x pipeline 2`; axes of one are left out."""
        parts = [f"{name} {degree}" for name, degree in asdict(self).items() if degree > 1]
        return " x ".join(parts) or "one device"
