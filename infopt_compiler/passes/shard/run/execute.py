"""The pass's work: write the shards, run them, prove that they compute what the whole model computes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts import Artifact, ModelSpec, TextData
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.base import RunContext
from infopt_compiler.passes.shard.layout import ShardLayout

from .architecture import Architecture
from .index import ShardIndex
from .memory import Load, rank_bytes
from .write import write_shards

if TYPE_CHECKING:
    from .prove import Run

PROMPTS, PROMPT_TOKENS, NEW_TOKENS = 4, 48, 16


def shard_model(
    ctx: RunContext,
    model: Artifact,
    mesh: Mesh,
    *,
    on: TextData | None = None,
    floats: str = "float32",
    tokens: int = NEW_TOKENS,
) -> dict[str, Any]:
    """Shards of `model` in `ctx.staging`, proven equal on `tokens` generated ones; facts for the report. Raises ShardError.

    Writing holds a few megabytes, the proof the parts of the ranks, and after them one layer of the whole model.
    """
    from .prompts import proof_prompts
    from .prove import prove

    Architecture.from_folder(
        model.path
    )  # refuses what the runtime does not compute before anything is written
    shutil.rmtree(ctx.staging, ignore_errors=True)  # an interrupted run may have begun another mesh
    ctx.staging.mkdir(parents=True, exist_ok=True)
    index = write_shards(
        model.path,
        ctx.staging,
        mesh,
        floats,
        lambda done, total, text: ctx.progress(done / max(total, 1), 3, text),
    )
    prompts = proof_prompts(
        model.path, on, max(PROMPTS, mesh.data), PROMPT_TOKENS
    )  # one for each copy, at the least
    compared, run = prove(
        model.path,
        ctx.staging,
        ctx.scratch,
        floats,
        prompts,
        tokens,
        lambda done, total, text: ctx.progress(1 + done, 3, text),
    )
    ctx.progress(3, 3, "done")
    spec = ModelSpec.from_folder(model.path)
    return {
        "mesh": mesh.to_json(),
        "ranks": mesh.world,
        "shard_bytes": [shard.tensor_bytes for shard in index.shards.values()],
        "planned_bytes": planned_bytes(spec, mesh, floats),
        **compared.facts(),
        "rank_memory": _memory(
            index, spec, run, Load(len(prompts), max(map(len, prompts)), tokens, logits=True)
        ),
    }


def planned_bytes(spec: ModelSpec, mesh: Mesh, floats: str) -> list[int]:
    """What arithmetic with config.json alone says of each shard, to be held against what was written."""
    layout = ShardLayout.of_spec(replace(spec, float_bytes=2 if floats == "bfloat16" else 4), mesh)
    return [layout.bytes_of(at) for at in mesh.coordinates() if at.data == at.sequence == 0]


def _memory(index: ShardIndex, spec: ModelSpec, run: Run, load: Load) -> list[dict[str, Any]]:
    """What each rank told, and `planned`: what arithmetic says of its peak beyond the baseline."""
    rows = []
    for told in run.ranks:
        at = index.mesh.coordinate(told["rank"])
        first, last = index.stages[at.pipeline]
        planned = rank_bytes(spec, index.mesh, at, last - first, told["weight_bytes"], load)
        rows.append({**told, "above_baseline": told["peak"] - told["baseline"], "planned": planned})
    return rows
