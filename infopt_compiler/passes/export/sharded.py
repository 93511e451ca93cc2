"""A sharded model in ONNX: its pipeline stages, each a model that plain onnxruntime runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from infopt_compiler.passes.base import PassError, RunContext
from infopt_compiler.passes.export.stages import split_decoder

TOLERANCE = 2e-4  # of a logit: the same kernels on the same weights, one sum made outside its fused norm
_DECODED = 6  # tokens at the end of each prompt that go through the caches one by one


def export_stages(ctx: RunContext, source: Path) -> dict[str, Any]:
    """The parts of a tensor group are merged, the whole is exported and verified, then cut. PassError E0789 where that differs,
    E0738 where the disk refuses."""
    try:
        shutil.rmtree(ctx.staging, ignore_errors=True)  # of an interrupted run
        ctx.staging.mkdir(parents=True)
        return _export(ctx, source)
    except OSError as failure:
        raise PassError(f"the artifact could not be written: {failure}", code="E0738") from failure


def _export(ctx: RunContext, source: Path) -> dict[str, Any]:
    from infopt_compiler.passes.export.build import build
    from infopt_compiler.passes.export.verify import verify
    from infopt_compiler.passes.shard.run.index import ShardIndex
    from infopt_compiler.passes.shard.run.merge import merge

    index = ShardIndex.read(source)
    merged, whole = ctx.scratch / "merged", ctx.scratch / "whole"
    ctx.progress(0, 4, "merging the shards")
    merge(source, merged)
    ctx.progress(1, 4, "building")
    whole.mkdir()
    facts = build(merged, whole, ctx.scratch, ctx.log)
    ctx.progress(2, 4, "verifying the whole")
    facts.update(verify(whole, merged))
    ctx.progress(3, 4, "cutting into stages")
    split_decoder(whole, ctx.staging, index.stages)
    facts["stages"] = [list(stage) for stage in index.stages]
    facts["stages_max_difference"] = compare_stages(ctx.staging, whole)
    ctx.progress(4, 4, "done")
    return facts


def compare_stages(stages: Path, whole: Path) -> float:
    """The largest difference of a logit between the stages, one after the other, and the whole graph: prefill and decode."""
    import numpy as np

    from infopt_compiler.passes.export.runtime import open_model, stepwise_logits
    from infopt_compiler.passes.export.verify import corpus
    from infopt_compiler.runtimes.onnx_stages.serve import OnnxStages

    model, ours, worst = open_model(whole), OnnxStages(stages), 0.0
    for text in corpus()[:3]:
        ids = ours.encode(text)[:40]
        prompt = max(1, len(ids) - _DECODED)
        found, expected = ours.stepwise_logits(ids, prompt), stepwise_logits(model, ids, prompt)
        worst = max(worst, float(np.abs(found - expected).max()))
        if not worst <= TOLERANCE:
            raise PassError(f"the stages' logits differ from the whole graph's by {worst:.3g}", code="E0789")
    return worst
