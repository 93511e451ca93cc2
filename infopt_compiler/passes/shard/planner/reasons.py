"""Why the first mesh is taken, in sentences with the numbers of what was compared."""

from __future__ import annotations

from collections.abc import Callable

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.planner.choose import Prefer, Row, ShardPlan
from infopt_compiler.targets.sharded import cluster_of
from infopt_compiler.units import Dimension, human


def reasons(plan: ShardPlan, spec: ModelSpec) -> list[str]:
    """Empty where nothing fits."""
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


def _nearest(plan: ShardPlan, best: Row, wanted: Callable[[Mesh], bool]) -> Row | None:
    """The best of the others that is so."""
    return next((row for row in plan.rows if row is not best and wanted(row.mesh)), None)


def _worse(plan: ShardPlan, best: Row, other: Row) -> str:
    """The other's figure that the ranking is by, or what it misses."""
    if other.missed and not best.missed:
        return f"{human(other.price.tpot, Dimension.time)} a token and miss {other.missed[0]}"
    if plan.prefer is Prefer.latency:
        return f"{human(other.price.latency, Dimension.time)} instead of {human(best.price.latency, Dimension.time)}"
    return f"{other.price.throughput:,.4g} tok/s, exchanging {other.price.exchange:.0%} of the time"
