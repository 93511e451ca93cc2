"""Students cut out of tiny teachers: folders that transformers opens, and what of the teacher is in them."""

from __future__ import annotations

import json
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.passes.distill.students.blocks import open_blocks
from infopt_compiler.passes.distill.students.plan import StudentShape, choose_shape
from infopt_compiler.passes.distill.students.prune import prune_folder
from tests.measure.models import write_llama
from tests.passes.export.encoders import write_bert


def quiet(*_):
    pass


def useless(folder, prefix: str, layer: int, names: tuple[str, ...]):
    """Take all effect from a layer: what its output linears add is 0."""
    state = load_file(folder / "model.safetensors")
    for name in names:
        state[f"{prefix}{layer}.{name}"] = torch.zeros_like(state[f"{prefix}{layer}.{name}"])
    save_file(state, folder / "model.safetensors", {"format": "pt"})


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """Five layers, of which the second and the fourth do nothing."""
    folder = write_llama(tmp_path_factory.mktemp("teacher") / "llama", layers=5)
    for layer in (1, 3):
        useless(folder, "model.layers.", layer, ("self_attn.o_proj.weight", "mlp.down_proj.weight"))
    return folder


@pytest.fixture(scope="module")
def windows():
    torch.manual_seed(0)
    return torch.randint(0, 300, (16, 64))


def test_layers_that_do_nothing_go_first(llama, windows, tmp_path):
    facts = prune_folder(llama, StudentShape(3, 64, 4, 2, 128), windows, tmp_path / "student", quiet)
    assert facts["kept_layers"] == [0, 2, 4]
    assert facts["divergence_cut"] < 1e-4 and facts["divergence_fitted"] < 1e-3
    teacher = AutoModelForCausalLM.from_pretrained(llama)
    student = AutoModelForCausalLM.from_pretrained(tmp_path / "student")
    assert student.config.num_hidden_layers == 3
    with torch.no_grad():
        assert torch.allclose(teacher(windows).logits, student(windows).logits, atol=0.05)


def test_greedy_removal_finds_them_too(llama, windows, monkeypatch):
    from infopt_compiler.passes.distill.students import depth

    monkeypatch.setattr(depth, "ALL_SUBSETS", 1)
    with torch.no_grad():
        found = depth.choose_layers(open_blocks(llama, windows), 3, quiet)
    assert found.kept == (0, 2, 4)
    assert sorted(layer for layer, _ in found.removed) == [1, 3]
    assert len(found.alone) == 5 and min(found.alone[layer] for layer in found.kept) > found.alone[1]


def test_the_fit_brings_the_student_nearer(llama, windows, tmp_path):
    facts = prune_folder(llama, StudentShape(2, 64, 4, 2, 128), windows, tmp_path / "student", quiet)
    assert facts["divergence_fitted"] < 0.8 * facts["divergence_cut"]
    assert all(0 <= share <= 1 for share in facts["fit_error_left"])


def test_width_keeps_what_carries_most(llama, windows, tmp_path):
    state = load_file(llama / "model.safetensors")
    weak = torch.arange(0, 128, 2)
    for layer in range(5):
        state[f"model.layers.{layer}.mlp.down_proj.weight"][:, weak] *= 1e-4
        state[f"model.layers.{layer}.self_attn.o_proj.weight"][:, :32] *= (
            1e-4  # heads 0 and 1: the first group
        )
    teacher = copytree(llama, tmp_path / "teacher")
    save_file(state, teacher / "model.safetensors", {"format": "pt"})
    shape = choose_shape(ModelSpec.from_folder(teacher), width=0.5)
    facts = prune_folder(teacher, shape, windows, tmp_path / "student", quiet)
    alive = [part for part in facts["kept_width"] if part["layer"] not in (1, 3)]
    assert {tuple(part["kv_groups"]) for part in alive} == {(1,)}
    assert {tuple(part["heads"]) for part in alive} == {(2, 3)}
    assert min(part["channel_importance_kept"] for part in alive) > 0.999
    assert facts["divergence_cut"] < 1e-3
    spec = ModelSpec.from_folder(tmp_path / "student")
    assert StudentShape.of(spec) == shape and spec.head_dim == 16
    student = AutoModelForCausalLM.from_pretrained(tmp_path / "student")
    assert student.model.layers[0].self_attn.q_proj.weight.shape == (32, 64)


def test_the_same_windows_give_the_same_bytes(llama, windows, tmp_path):
    shape = StudentShape(3, 64, 2, 1, 96)
    for name in ("one", "two"):
        prune_folder(llama, shape, windows, tmp_path / name, quiet)
    assert digest_folder(tmp_path / "one") == digest_folder(tmp_path / "two")


def test_an_encoder_keeps_tokenizer_and_pooling(windows, tmp_path):
    teacher = write_bert(tmp_path / "bert", num_hidden_layers=4)
    padded = windows % 290 + 5
    padded[:, 40:] = 0
    shape = choose_shape(ModelSpec.from_folder(teacher), layers=2, width=0.5)
    facts = prune_folder(teacher, shape, padded, tmp_path / "student", quiet)
    assert facts["divergence_unit"] == "1 - cosine"
    assert facts["divergence_fitted"] < facts["divergence_cut"]
    student = AutoModel.from_pretrained(tmp_path / "student")
    assert len(student.encoder.layer) == 2 and student.config.intermediate_size == 64
    assert (tmp_path / "student/1_Pooling/config.json").is_file()
    assert (tmp_path / "student/tokenizer.json").is_file()


def test_lists_by_layer_follow_the_layers(llama, windows, tmp_path):
    teacher = copytree(llama, tmp_path / "teacher")
    config = json.loads((teacher / "config.json").read_text())
    config["layer_types"] = ["full_attention"] * 5
    (teacher / "config.json").write_text(json.dumps(config))
    prune_folder(teacher, StudentShape(3, 64, 4, 2, 128), windows, tmp_path / "student", quiet)
    assert json.loads((tmp_path / "student/config.json").read_text())["layer_types"] == ["full_attention"] * 3
