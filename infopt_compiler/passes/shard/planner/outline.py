"""The ranked table of a plan, as `plan` prints it and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Outline
from infopt_compiler.passes.shard.planner.choose import Row, ShardPlan
from infopt_compiler.passes.shard.planner.reasons import reasons
from infopt_compiler.passes.shard.planner.requirement import is_planned, parse_wanted
from infopt_compiler.targets.sharded import cluster_of, device_memory
from infopt_compiler.units import Dimension, human

_SHOWN = 8
_COLUMNS = (
    "#",
    "mesh",
    "devices",
    "requests",
    "first token",
    "per token",
    "tok/s",
    "per device",
    "memory a device",
    "exchange",
    "bubble",
    "balance",
    "misses",
)


def outline(plan: ShardPlan, spec: ModelSpec, bounds: Sequence[str] = ()) -> Outline:
    """`bounds`: of budgets, which only advise."""
    cluster = cluster_of(plan.target)
    requests = "as many requests as fit" if plan.load.batch is None else f"{plan.load.batch} requests at once"
    title = (
        f"meshes on {plan.target.name}: {cluster.machines} x {cluster.per_machine} devices of "
        f"{human(device_memory(plan.target, plan.rows[0].mesh) if plan.rows else plan.target.memory_bytes, Dimension.bytes)}, "
        f"{plan.load.prompt} + {plan.load.generate} tokens, {requests}, by {plan.prefer.value.replace('_', ' ')}"
    )
    rows = [_cells(plan, rank, row) for rank, row in enumerate(plan.rows[:_SHOWN], start=1)]
    notes = [*reasons(plan, spec), *_advice(plan, bounds)]
    if len(plan.rows) > _SHOWN:
        notes.append(f"{len(plan.rows) - _SHOWN} more fit and rank lower")
    notes += [f"refused: {one.what}: {one.why}" for one in plan.refused]
    return Outline(title, _COLUMNS, tuple(rows), tuple(notes), plan_data(plan))


def _advice(plan: ShardPlan, bounds: Sequence[str]) -> list[str]:
    """What of a budget the chosen mesh is predicted to miss, and whether another one would meet it."""
    if plan.chosen is None:
        return []
    planned = (one for one in bounds if is_planned(one.split(" ", 1)[0]))
    wanted = [one for text in planned for one in [parse_wanted(text)] if not one.met(plan.chosen.price)]
    said = []
    for one in wanted:
        other = next((row for row in plan.rows if one.met(row.price)), None)
        answer = (
            f"{other.mesh} would meet it: write `require = {one}`"
            if other
            else "every other mesh would miss it, too"
        )
        said.append(f"the budget's `{one}` would be missed; {answer}")
    return said


def _cells(plan: ShardPlan, rank: int, row: Row) -> tuple[str, ...]:
    found = row.price
    return (
        str(rank),
        str(row.mesh),
        str(row.mesh.world),
        str(plan.load.batch or found.batch * row.mesh.data),
        human(found.ttft, Dimension.time),
        human(found.tpot, Dimension.time),
        f"{found.throughput:,.4g}",
        f"{found.per_device:,.4g}",
        _memory(row),
        f"{found.exchange:.0%}",
        f"{found.bubble:.0%}",
        f"{found.balance:.0%}",
        ", ".join(row.missed),
    )


def _memory(row: Row) -> str:
    """`30.2 GB: 17.8 weights, 9.4 KV, 3 rest`."""
    parts = row.price.memory
    rest = parts.activations + parts.runtime
    gigabytes = [f"{size / 1e9:.3g}" for size in (parts.weights, parts.cache, rest)]
    return f"{parts.total / 1e9:.3g} GB: {gigabytes[0]} weights, {gigabytes[1]} KV, {gigabytes[2]} rest"


def plan_data(plan: ShardPlan) -> dict[str, Any]:
    """All rows, in base units."""
    return {
        "prefer": plan.prefer.value,
        "rows": [_row_data(row) for row in plan.rows],
        "refused": [{"what": one.what, "why": one.why} for one in plan.refused],
    }


def _row_data(row: Row) -> dict[str, Any]:
    found = row.price
    names = ("batch", "ttft", "tpot", "latency", "throughput", "per_device", "exchange", "bubble", "balance")
    return {
        "mesh": row.mesh.to_json(),
        **{name: getattr(found, name) for name in names},
        "memory_bytes": {
            "weights": found.memory.weights,
            "cache": found.memory.cache,
            "activations": found.memory.activations,
            "runtime": found.memory.runtime,
            "total": found.memory.total,
        },
        "missed": list(row.missed),
    }
