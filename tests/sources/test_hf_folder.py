"""Hugging Face folders: what is kept, and what is no model."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from infopt_compiler.sources import SourceError
from infopt_compiler.sources.hf_folder import import_hf_folder
from tests.execute.conftest import CONFIG, write_model


def quiet(done: float, total: float, message: str) -> None:
    return None


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model")


def test_what_is_kept(model, tmp_path):
    for name in (
        "modeling_evil.py",
        "tokenizer.py",
        "tokenizer_evil.bin",
        "vocab.pkl",
        "chat_template.py",
        "pytorch_model.bin",
        "README.md",
        "chat_template.jinja",
        "generation_config.json",
    ):
        (model / name).write_text("{}")
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling" / "config.json").write_text("{}")
    (tmp_path / "out").mkdir()
    facts = import_hf_folder(model, tmp_path / "out", quiet)
    kept = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()
    )
    assert kept == [
        "1_Pooling/config.json",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "float32"
    assert facts["architecture"] == "LlamaForCausalLM" and facts["weight_types"] == {"F32": 1}


def test_shards(model, tmp_path):
    (model / "model.safetensors").unlink()
    for n in (1, 2):
        save_file({f"w{n}": torch.full((2,), float(n)).bfloat16()}, model / f"model-{n}.safetensors")
    index = {"weight_map": {f"w{n}": f"model-{n}.safetensors" for n in (1, 2)}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "out").mkdir()
    import_hf_folder(model, tmp_path / "out", quiet)
    assert sorted(load_file(tmp_path / "out" / "model.safetensors")) == ["w1", "w2"]
    (model / "model-2.safetensors").unlink()
    with pytest.raises(SourceError) as wrong:
        import_hf_folder(model, tmp_path / "out", quiet)
    assert wrong.value.code == "E0605" and "model-2" in str(wrong.value)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"weight_map": 1}', '{"weight_map": {"w": "../secret.safetensors"}}']
)
def test_an_index_that_is_damaged_or_leaves_its_folder(model, tmp_path, text):
    save_file({"w": torch.zeros(1)}, tmp_path / "secret.safetensors")
    (model / "model.safetensors.index.json").write_text(text)
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError) as wrong:
        import_hf_folder(model, tmp_path / "out", quiet)
    assert wrong.value.code == "E0606"


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ("no config", "E0606", "no config.json"),
        ("config no json", "E0606", "damaged"),
        ("config a list", "E0606", "damaged"),
        ("config of something else", "E0606", "says no"),
        ("quantized", "E0612", "gptq"),
        ("no weights", "E0606", "no model.safetensors"),
        ("no tokenizer", "E0606", "tokenizer"),
    ],
)
def test_what_is_no_model(model, tmp_path, change, code, word):
    config = model / "config.json"
    match change:
        case "no config":
            config.unlink()
        case "config no json":
            config.write_text("{")
        case "config a list":
            config.write_text("[]")
        case "config of something else":
            config.write_text('{"model_type": "vae"}')
        case "quantized":
            config.write_text(json.dumps({**CONFIG, "quantization_config": {"quant_method": "gptq"}}))
        case "no weights":
            (model / "model.safetensors").rename(model / "pytorch_model.bin")
        case "no tokenizer":
            (model / "tokenizer.json").unlink()
    (tmp_path / "out").mkdir()
    with pytest.raises(SourceError) as wrong:
        import_hf_folder(model, tmp_path / "out", quiet)
    assert wrong.value.code == code and word in str(wrong.value)


def test_a_model_one_level_below_is_named(model):
    with pytest.raises(SourceError) as wrong:
        import_hf_folder(model.parent, model.parent / "out", quiet)
    assert "`model` inside it" in wrong.value.help
