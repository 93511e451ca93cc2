"""Every combination of degrees that a cluster has devices for; and why the others are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.degrees import degree_problems, divisors, tensor_degrees
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.sharded import Load

MOST_RANKS = 64  # of this machine, where processes stand for devices
_LONG_PROMPT = 8192  # tokens from which positions are divided unasked


@dataclass(frozen=True)
class Refusal:
    """What is not possible, and why: `tensor 16`, `16 does not divide 8 KV heads`."""

    what: str
    why: str


def devices_of(target: Target, degrees: Mapping[str, int]) -> int:
    """Devices that a mesh may take. Processes of this machine: one for each core, more where the recipe asks for more."""
    if not target.here:
        return target.devices
    asked = 1
    for name in ("tensor", "pipeline", "sequence", "data"):
        asked *= degrees[name] or 1
    return min(MOST_RANKS, max(asked, target.cores))


def meshes(spec: ModelSpec, target: Target, load: Load, degrees: Mapping[str, int]) -> Iterator[Mesh]:
    """Combinations that shapes and devices allow; given degrees stay, others (0) take every value that may pay.

    Positions are divided unasked only of long prompts; copies only as far as there are requests for them.
    """
    devices = devices_of(target, degrees)
    for tensor in _values(degrees["tensor"], tensor_degrees(spec), devices):
        for pipeline in _values(degrees["pipeline"], range(1, spec.layers + 1), devices // tensor):
            left = devices // (tensor * pipeline)
            for sequence in _values(degrees["sequence"], _sequences(load), left):
                for data in _values(degrees["data"], _copies(load), left // sequence):
                    mesh = Mesh(tensor, pipeline, sequence, data)
                    yield from (replace(mesh, experts=k) for k in _experts(spec, tensor, degrees["experts"]))


def _values(given: int, possible: Iterator[int] | range | list[int], most: int) -> list[int]:
    if given:
        return [given] if given <= most else []
    return [value for value in possible if value <= most]


def _sequences(load: Load) -> list[int]:
    return [1, 2, 4, 8] if load.prompt >= _LONG_PROMPT else [1]


def _copies(load: Load) -> range:
    return range(1, (MOST_RANKS if load.batch is None else load.batch) + 1)


def _experts(spec: ModelSpec, tensor: int, given: int) -> list[int]:
    """Unasked the most parts: whole experts make larger products than pieces of them."""
    if not spec.experts:
        return [1]
    asked = [given] if given else divisors(tensor)
    fitting = [k for k in asked if not any(degree_problems(spec, _only(tensor, k)))]
    return fitting[-1:]


def _only(tensor: int, experts: int) -> dict[str, int]:
    return {"tensor": tensor, "pipeline": 1, "sequence": 1, "data": 1, "experts": experts}


def refused_degrees(spec: ModelSpec, target: Target, degrees: Mapping[str, int]) -> Iterator[Refusal]:
    """Degrees that the devices would allow and the model does not."""
    if not degrees["tensor"]:
        allowed = set(tensor_degrees(spec))
        for tensor in divisors(devices_of(target, degrees)):
            if tensor not in allowed:
                problem = next(iter(degree_problems(spec, _only(tensor, 0))))
                yield Refusal(f"tensor {tensor}", problem.message)
