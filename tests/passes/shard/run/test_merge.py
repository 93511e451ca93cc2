"""Shards written as streams, and merged back bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.run.errors import CannotWriteShards, DamagedShard, NoShards
from infopt_compiler.passes.shard.run.execute import planned_bytes
from infopt_compiler.passes.shard.run.index import ShardIndex
from infopt_compiler.passes.shard.run.merge import merge
from infopt_compiler.passes.shard.run.write import layout_of, write_shards
from infopt_compiler.targets.sharded_memory import rank_weights

MESHES = [Mesh(tensor=2), Mesh(pipeline=2), Mesh(tensor=2, pipeline=2), Mesh(sequence=2, data=2)]


def written(source: Path, out: Path, mesh: Mesh, floats: str = "float32") -> ShardIndex:
    out.mkdir()
    return write_shards(source, out, mesh, floats, lambda *told: None)


def tensors(folder: Path) -> dict[str, bytes]:
    from safetensors import safe_open

    found = {}
    for file in sorted(folder.rglob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118
                tensor = opened.get_tensor(name)
                found[name] = (
                    tensor.dtype,
                    tuple(tensor.shape),
                    tensor.flatten().view(dtype=_bytes()).numpy().tobytes(),
                )
    return found


def _bytes():
    import torch

    return torch.uint8


@pytest.mark.parametrize("mesh", MESHES, ids=str)
@pytest.mark.parametrize("kind", ["llama", "quantized", "mixture"])
def test_merge_gives_the_tensors_back(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, mesh: Mesh
) -> None:
    source = request.getfixturevalue(kind)
    index = written(source, tmp_path / "shards", mesh)
    layout = layout_of(source, mesh)
    for at, file in zip(mesh.coordinates(), index.ranks, strict=True):
        assert index.shards[file].tensor_bytes == layout.bytes_of(at)
        assert index.shards[file].bytes == (tmp_path / "shards" / file).stat().st_size
    merge(tmp_path / "shards", tmp_path / "merged")
    assert tensors(tmp_path / "merged") == tensors(source)
    assert (tmp_path / "merged/config.json").read_bytes() == (source / "config.json").read_bytes()


def test_transformers_loads_what_was_merged(llama: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    written(llama, tmp_path / "shards", Mesh(tensor=2, pipeline=2))
    merge(tmp_path / "shards", tmp_path / "merged")
    ids = AutoTokenizer.from_pretrained(tmp_path / "merged")("a pass", return_tensors="pt").input_ids
    models = [AutoModelForCausalLM.from_pretrained(folder) for folder in (llama, tmp_path / "merged")]
    with torch.no_grad():
        assert torch.equal(*(model(ids).logits for model in models))


def test_bfloat16_halves_the_floats(llama: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    index = written(llama, tmp_path / "shards", Mesh(tensor=2), "bfloat16")
    whole = written(llama, tmp_path / "whole", Mesh(tensor=2))
    assert [s.tensor_bytes * 2 for s in index.shards.values()] == [
        s.tensor_bytes for s in whole.shards.values()
    ]
    merge(tmp_path / "shards", tmp_path / "merged")
    merged, source = (load_file(folder / "model.safetensors") for folder in (tmp_path / "merged", llama))
    assert all(torch.equal(merged[name], tensor.bfloat16()) for name, tensor in source.items())
    assert json.loads((tmp_path / "merged/config.json").read_text())["dtype"] == "bfloat16"


@pytest.mark.parametrize("floats", ["float32", "bfloat16"])
@pytest.mark.parametrize("mesh", [Mesh(tensor=2, experts=2), Mesh(pipeline=2)], ids=str)
@pytest.mark.parametrize("kind", ["llama", "quantized", "mixture", "mixtral"])
def test_what_is_written_was_planned_from_the_configuration(
    request: pytest.FixtureRequest, kind: str, mesh: Mesh, floats: str
) -> None:
    """Names and sizes by arithmetic on one side, the tensors of the files on the other."""
    source = request.getfixturevalue(kind)
    layout = layout_of(source, mesh, floats)
    places = [at for at in mesh.coordinates() if at.data == at.sequence == 0]
    spec = ModelSpec.from_folder(source)
    assert planned_bytes(spec, mesh, floats) == [layout.bytes_of(at) for at in places]
    stored = replace(spec, float_bytes=2 if floats == "bfloat16" else 4)
    by_stage = {at.pipeline: layout.bytes_of(at) for at in places}
    assert rank_weights(stored, mesh) == tuple(by_stage.values())


def test_a_missing_or_damaged_shard_is_named(llama: Path, tmp_path: Path) -> None:
    written(llama, tmp_path / "shards", Mesh(tensor=2))
    shard = tmp_path / "shards/stage-0-tensor-1.safetensors"
    data = shard.read_bytes()
    shard.write_bytes(data[:-100])
    with pytest.raises(DamagedShard, match=r"stage-0-tensor-1.safetensors of rank 1 is cut short"):
        merge(tmp_path / "shards", tmp_path / "merged")
    shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DamagedShard, match="is not what was written"):
        merge(tmp_path / "shards", tmp_path / "merged")
    shard.unlink()
    with pytest.raises(NoShards, match=r"of rank 1 is missing"):
        merge(tmp_path / "shards", tmp_path / "merged")
    with pytest.raises(NoShards, match=r"no shards.json"):
        merge(llama, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_nothing_is_written_over(llama: Path, tmp_path: Path) -> None:
    written(llama, tmp_path / "shards", Mesh(tensor=2))
    with pytest.raises(CannotWriteShards, match="is there already"):
        merge(tmp_path / "shards", llama)
    with pytest.raises(CannotWriteShards, match="lies in the sharded model itself"):
        merge(tmp_path / "shards", tmp_path / "shards/merged")


def test_half_a_model_is_not_left(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(llama, tmp_path / "shards", Mesh(tensor=2))
    (tmp_path / "merged").mkdir()

    def full(*told: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("infopt_compiler.passes.shard.run.merge.shutil.copyfile", full)
        with pytest.raises(CannotWriteShards, match="No space left"):
            merge(tmp_path / "shards", tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged", "shards"]
    merge(tmp_path / "shards", tmp_path / "merged")
    assert tensors(tmp_path / "merged") == tensors(llama)


def test_a_rank_reads_what_was_written_or_nothing(llama: Path, tmp_path: Path) -> None:
    """As many bytes, one bit of them another."""
    from datetime import timedelta

    import torch

    from infopt_compiler.passes.shard.run.session import Session

    index = written(llama, tmp_path / "shards", Mesh())
    shard = tmp_path / "shards/stage-0-tensor-0.safetensors"

    def load() -> None:
        Session(tmp_path / "shards", index, 0, torch.device("cpu"), timedelta(seconds=9))

    load()
    data = shard.read_bytes()
    shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DamagedShard, match=r"stage-0-tensor-0.safetensors is not what was written"):
        load()


@pytest.mark.parametrize(
    "change",
    [{"tensors": []}, {"ranks": []}, {"stages": [[0, 2], [2, 2]]}, {"mesh": {"tensor": 0}}, {"shards": {}}],
)
def test_an_index_that_contradicts_itself_is_damaged(llama: Path, tmp_path: Path, change: dict) -> None:
    written(llama, tmp_path / "shards", Mesh(tensor=2))
    path = tmp_path / "shards/shards.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, **change}))
    with pytest.raises(DamagedShard, match=r"shards.json is damaged"):
        ShardIndex.read(tmp_path / "shards")


def test_a_file_is_no_sharded_model(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(NoShards, match=r"no shards.json"):
        ShardIndex.read(tmp_path / "file")


STREAM = """
import json, sys
from pathlib import Path
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.run.merge import merge
from infopt_compiler.passes.shard.run.write import write_shards

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

import numpy
before, place = peak(), Path(sys.argv[1])
(place / "shards").mkdir()
write_shards(place / "model", place / "shards", Mesh(tensor=2), "float32", lambda *told: None)
merge(place / "shards", place / "merged")
print(peak() - before)
"""


def test_writing_and_merging_hold_a_few_megabytes(tmp_path: Path) -> None:
    """200 MB of weights, torch never imported; mapped pages count in the resident set."""
    import numpy as np
    from safetensors.numpy import save_file

    (tmp_path / "model").mkdir()
    config = {
        "model_type": "llama",
        "num_hidden_layers": 1,
        "hidden_size": 2048,
        "intermediate_size": 4096,
        "num_attention_heads": 16,
    }
    (tmp_path / "model/config.json").write_text(
        json.dumps({**config, "vocab_size": 16, "tie_word_embeddings": True})
    )
    names = {"mlp.up_proj": (4096, 2048), "mlp.gate_proj": (4096, 2048), "mlp.down_proj": (2048, 4096)}
    layer = {f"model.layers.0.{name}.weight": np.ones(shape, np.float32) for name, shape in names.items()}
    layer |= {f"model.layers.0.self_attn.{k}_proj.weight": np.ones((2048, 2048), np.float32) for k in "qkvo"}
    save_file(layer, tmp_path / "model/model.safetensors")
    command = [sys.executable, "-c", STREAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40e6 < 160e6 < (tmp_path / "merged/model.safetensors").stat().st_size
