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
    cluster_of,
    device_memory,
    memory_of,
    price,
)
from infopt_compiler.units import Dimension, human


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


def reasons(plan: ShardPlan, spec: ModelSpec) -> list[str]:
    """Why the first row is taken, in sentences with the numbers of what was compared."""
    best = plan.chosen
    if best is None:
        return []
    said = [_headline(plan, best)]
    said += _tensor(plan, best)
    said += _pipeline(plan, best, spec)
    said += _copies(plan, best)
    said += [f"no combination meets {', '.join(best.missed)}; this one misses least"] if best.missed else []
    return said


def _headline(plan: ShardPlan, best: Row) -> str:
    found = best.price
    return (
        f"{best.mesh}: {found.throughput:,.4g} tok/s of {plan.load.batch or found.batch * best.mesh.data} requests at once, "
        f"{human(found.tpot, Dimension.time)} a token, best by {plan.prefer.value.replace('_', ' ')}"
        + (
            " among those that meet what is required"
            if not best.missed and any(row.missed for row in plan.rows)
            else ""
        )
    )


def _tensor(plan: ShardPlan, best: Row) -> list[str]:
    mesh, cluster = best.mesh, cluster_of(plan.target)
    if mesh.tensor == 1:
        return []
    link = cluster.link_of(mesh, "tensor")
    where = "inside a machine" if link is cluster.inside else "across machines"
    text = (
        f"tensor {mesh.tensor} {where}, over {link.name} at {link.bandwidth / 1e9:,.3g} GB/s: its two all-reduces a layer take "
        f"{best.price.exchange:.0%} of the time"
    )
    return [text]


def _pipeline(plan: ShardPlan, best: Row, spec: ModelSpec) -> list[str]:
    """Against as many ranks in the tensor group, or what that is refused for."""
    mesh, cluster = best.mesh, cluster_of(plan.target)
    if mesh.pipeline == 1:
        return []
    crosses = cluster.link_of(mesh, "pipeline") is cluster.between and cluster.machines > 1
    link = cluster.link_of(mesh, "pipeline")
    said = (
        f"pipeline {mesh.pipeline}{' across machines' if crosses else ''}, over {link.name} at {link.bandwidth / 1e9:,.3g} GB/s: "
        f"a stage hands on one vector for each token, a tensor group would sum two in each of {spec.layers} layers"
    )
    other = _nearest(plan, best, lambda m: m.tensor > mesh.tensor and m.replica == mesh.replica)
    if other is not None:
        said += f"; {other.mesh} would give {_worse(plan, best, other)}"
    return [said]


def _copies(plan: ShardPlan, best: Row) -> list[str]:
    mesh = best.mesh
    if mesh.data == 1:
        return []
    other = _nearest(plan, best, lambda m: m.data < mesh.data and m.world == mesh.world)
    compared = f"; {other.mesh} would give {_worse(plan, best, other)}" if other is not None else ""
    return [f"data {mesh.data}: a copy fits {mesh.replica} devices, and copies exchange nothing{compared}"]


def _nearest(plan: ShardPlan, best: Row, wanted: object) -> Row | None:
    assert callable(wanted)
    return next((row for row in plan.rows if row is not best and wanted(row.mesh)), None)


def _worse(plan: ShardPlan, best: Row, other: Row) -> str:
    """The other's figure that the ranking is by, or what it misses."""
    if other.missed and not best.missed:
        return f"{human(other.price.tpot, Dimension.time)} a token and miss {other.missed[0]}"
    if plan.prefer is Prefer.latency:
        return f"{human(other.price.latency, Dimension.time)} instead of {human(best.price.latency, Dimension.time)}"
    return f"{other.price.throughput:,.4g} tok/s, exchanging {other.price.exchange:.0%} of the time"
