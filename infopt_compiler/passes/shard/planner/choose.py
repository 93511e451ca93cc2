"""Prices every combination, ranks those that fit, and says why the first one is taken and the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.degrees import degree_problems
from infopt_compiler.passes.shard.planner.candidates import Refusal, meshes, refused_degrees
from infopt_compiler.passes.shard.planner.requirement import Wanted
from infopt_compiler.targets.model import Target
from infopt_compiler.targets.sharded import (
    Load,
    Price,
    device_memory,
    memory_of,
    price,
)


class Prefer(str, Enum):
    """What the ranking is by."""

    throughput = "throughput"  # output tokens per second of all devices
    latency = "latency"  # end to end, of one request
    per_device = "per_device"  # output tokens per second and device


@dataclass(frozen=True)
class Row:
    """A combination that fits; `missed`: the requirements that it does not meet."""

    price: Price
    missed: tuple[str, ...]

    @property
    def mesh(self) -> Mesh:
        return self.price.mesh


@dataclass(frozen=True)
class ShardPlan:
    """`rows` from best to worst, those that meet every requirement first; `refused`: why the rest is not among them."""

    rows: tuple[Row, ...]
    refused: tuple[Refusal, ...]
    target: Target
    load: Load
    prefer: Prefer

    @property
    def chosen(self) -> Row | None:
        return self.rows[0] if self.rows else None


def make_plan(
    spec: ModelSpec,
    target: Target,
    load: Load,
    degrees: Mapping[str, int],
    prefer: Prefer,
    wanted: Sequence[Wanted] = (),
) -> ShardPlan:
    """The ranked plan; no rows where nothing fits. `spec` has its floats as the shards will (`Shard.stored`)."""
    rows: list[Row] = []
    refused = list(refused_degrees(spec, target, degrees))
    impossible = [problem.message for problem in degree_problems(spec, degrees)]
    if impossible:
        return ShardPlan((), tuple(Refusal("degrees", why) for why in impossible), target, load, prefer)
    short: list[tuple[float, Mesh]] = []
    for mesh in meshes(spec, target, load, degrees):
        found = price(spec, target, mesh, load)
        if found is None:
            short.append((needed_bytes(spec, target, mesh, load), mesh))
        else:
            rows.append(Row(found, tuple(str(one) for one in wanted if not one.met(found))))
    refused += _too_large(short, target)
    rows.sort(key=lambda row: (len(row.missed), *_order(row.price, prefer)))
    return ShardPlan(tuple(rows), tuple(refused), target, load, prefer)


def needed_bytes(spec: ModelSpec, target: Target, mesh: Mesh, load: Load) -> float:
    """What a device must hold at the least: the requests that are asked for, one where as many as fit are."""
    batch = 1 if load.batch is None else -(-load.batch // mesh.data)
    return memory_of(spec, target, mesh, load, batch).total


def _too_large(short: list[tuple[float, Mesh]], target: Target) -> list[Refusal]:
    """One line for each number of devices of a copy: the mesh that needs least of them."""
    least: dict[int, tuple[float, Mesh]] = {}
    for needed, mesh in short:
        known = least.get(mesh.replica)
        if known is None or needed < known[0]:
            least[mesh.replica] = (needed, mesh)
    return [
        Refusal(
            str(mesh),
            f"needs {needed / 1e9:.4g} GB on a device of {device_memory(target, mesh) / 1e9:.4g} GB",
        )
        for _, (needed, mesh) in sorted(least.items())
    ]


def _order(found: Price, prefer: Prefer) -> tuple[float, ...]:
    """Better is less; ties go to fewer devices, then to fewer stages."""
    by = {
        Prefer.throughput: -found.throughput,
        Prefer.latency: found.latency,
        Prefer.per_device: -found.per_device,
    }[prefer]
    return float(f"{by:.6g}"), found.mesh.world, found.mesh.pipeline, -found.throughput
