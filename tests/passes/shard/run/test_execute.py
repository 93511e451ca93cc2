"""Every axis and a combination of two, run in processes of their own, against the whole model in transformers."""

from __future__ import annotations

from pathlib import Path

import pytest

from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.run.errors import NotEqual
from infopt_compiler.passes.shard.run.prove import TOLERANCE, compare, generate
from infopt_compiler.passes.shard.run.write import write_shards
from tests.passes.shard.run.conftest import sharded
from tests.passes.shard.run.test_architectures import write_model

pytestmark = pytest.mark.slow


def proven(facts: dict, mesh: Mesh) -> None:
    assert facts["mesh"] == mesh.to_json()
    assert max(facts["largest_difference_prefill"], facts["largest_difference_decode"]) <= 2e-4
    assert facts["equal_tokens"] + facts["tokens_within_margin"] == facts["greedy_tokens"] == 64
    assert facts["compared_positions"] > 64 + 60  # prompts of four lengths, then what was decoded
    assert facts["shard_bytes"] == facts["planned_bytes"]
    assert [rank["rank"] for rank in facts["rank_memory"]] == list(range(mesh.world))


def test_tensor_and_pipeline_together(shards: tuple[Path, dict]) -> None:
    proven(shards[1], Mesh(tensor=2, pipeline=2))


@pytest.mark.parametrize("axis", ["sequence", "data"])
def test_an_axis_alone(llama: Path, tmp_path: Path, axis: str) -> None:
    mesh = Mesh(**{axis: 2})
    folder, facts = sharded(llama, tmp_path, mesh)
    proven(facts, mesh)
    assert len(list(folder.glob("*.safetensors"))) == 1  # both ranks read the one file


def test_what_an_interrupted_run_left_is_no_part_of_the_artifact(llama: Path, tmp_path: Path) -> None:
    """It may have begun another mesh: `merge` would take its files for the model's companions."""
    left = tmp_path / "place/out/stage-1-tensor-0.safetensors"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    folder, facts = sharded(llama, tmp_path / "place", Mesh())
    proven(facts, Mesh())
    assert [path.name for path in folder.glob("*.safetensors")] == ["stage-0-tensor-0.safetensors"]


def test_a_window_over_the_chunks_of_a_sequence_group(tmp_path: Path) -> None:
    """Prompts longer than the window, so that it begins in another rank's chunk, in prefill and in decode."""
    prompts = [[3 + k % 90 for k in range(70)], [7, 8, 9], [5 + 3 * k % 90 for k in range(41)]]
    source = write_model(tmp_path / "model", "mistral", {"sliding_window": 16})
    shards, logits = tmp_path / "shards", tmp_path / "logits"
    shards.mkdir()
    logits.mkdir()
    write_shards(source, shards, Mesh(sequence=2), "float32", lambda *told: None)
    run = generate(shards, tmp_path / "ranks", prompts, 20, logits=logits)
    found = compare(source, "float32", prompts, run.tokens, logits)
    assert found.positions == 70 + 3 + 41 + 3 * 19
    assert found.largest <= TOLERANCE and not found.wrong


@pytest.mark.parametrize(("kind", "experts"), [("mixture", 2), ("mixtral", 2), ("mixtral", 1)])
def test_experts_are_dealt_out_or_cut(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, experts: int
) -> None:
    mesh = Mesh(tensor=2, experts=experts)
    proven(sharded(request.getfixturevalue(kind), tmp_path, mesh)[1], mesh)


def test_integers_are_cut_along_groups(quantized: Path, tmp_path: Path) -> None:
    mesh = Mesh(tensor=2)
    proven(sharded(quantized, tmp_path, mesh)[1], mesh)


def test_another_function_is_refused(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer swaps the halves of a matrix: everything runs, and the proof fails."""
    from infopt_compiler.passes.shard.run import write

    real = write.read_part

    def swapped(tensor, part):
        if tensor.name.endswith("layers.1.mlp.up_proj.weight"):
            (first, last), width = part
            part = ((64 - first, 64 + (last - first) - first), width)
        return real(tensor, part)

    monkeypatch.setattr(write, "read_part", swapped)
    with pytest.raises(NotEqual, match="differ from the whole model's by"):
        sharded(llama, tmp_path, Mesh(tensor=2))
