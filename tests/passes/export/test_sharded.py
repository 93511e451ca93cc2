"""A sharded model as ONNX stages: cut, run one after the other by plain onnxruntime, equal to the whole graph."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest

from infopt_compiler.artifacts import OnnxStages, ShardedModel
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.export import Export
from infopt_compiler.passes.shard.run.write import write_shards
from infopt_compiler.runtimes.registry import server_of
from tests.passes.export.models import write_llama, write_quantized
from tests.passes.shard.run.conftest import Context

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("quantized", [False, True])
def test_stages_compute_what_the_whole_computes(tmp_path: Path, quantized: bool) -> None:
    source = write_llama(tmp_path / "float")
    if quantized:
        source = write_quantized(source, tmp_path / "quantized")
    shards = tmp_path / "shards"
    shards.mkdir()
    write_shards(source, shards, Mesh(tensor=2, pipeline=2), "float32", lambda *told: None)
    context = Context(tmp_path / "out", tmp_path / "scratch")
    (context.staging / "stage-7").mkdir(parents=True)  # of an interrupted run
    context.scratch.mkdir()
    facts = Export().run(context, model=ShardedModel(shards, ""))
    assert sorted(path.name for path in context.staging.glob("stage-*")) == ["stage-0", "stage-1"]
    assert facts["stages"] == [[0, 1], [1, 2]] and facts["stages_max_difference"] < 2e-4
    sessions = [onnxruntime.InferenceSession(str(context.staging / f"stage-{k}/model.onnx")) for k in (0, 1)]
    assert [session.get_inputs()[0].name for session in sessions] == ["input_ids", "hidden_in"]
    assert [session.get_outputs()[0].name for session in sessions] == ["hidden_out", "logits"]
    runtime = server_of(OnnxStages(context.staging, ""))
    assert runtime.name == "onnxruntime stages"
    server = runtime.opener()(context.staging)
    assert len(list(server.generate(server.encode("the quick"), 2, 3, 16))) == 3
