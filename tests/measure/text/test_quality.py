from __future__ import annotations

import json
import math
import shutil

import pytest
from safetensors.torch import load_file, save_file

from infopt_compiler.artifacts import HFModel, OnnxModel, QuantizedModel, TextData
from infopt_compiler.artifacts.text import DataSpec, Document, write_text_data
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.text.quality import compare, score
from infopt_compiler.measure.text.windowing import cut
from infopt_compiler.passes.export.build import build
from tests.measure.conftest import World
from tests.measure.models import write_llama
from tests.passes.export.models import write_llama as write_quantizable
from tests.passes.export.models import write_quantized


@pytest.mark.slow
def test_perplexity_is_the_direct_computation(world: World) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(world.base.path, dtype=torch.float32)
    text = cut(world.base.path, world.text, 0)
    nll = tokens = 0
    with torch.inference_mode():
        for window in text.windows:
            ids = torch.tensor([window.ids])
            logits = model(ids).logits[0, :-1, : text.vocabulary].double()
            nll += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
            tokens += ids.shape[1] - 1
    assert score(world.base, world.text).perplexity == pytest.approx(math.exp(nll / tokens), rel=1e-6)


@pytest.mark.slow
def test_a_model_has_no_distance_to_itself_and_little_to_its_export(world: World) -> None:
    found = compare(world.base, {"same": world.base, "onnx": world.onnx}, world.text)
    assert found["same"].kl_mean == 0.0
    assert found["same"].top1 == 1.0
    assert found["same"].perplexity == found["same"].reference_perplexity
    assert 0 < found["onnx"].kl_mean < 1e-6
    assert found["onnx"].perplexity == pytest.approx(found["same"].perplexity, rel=1e-4)
    assert found["onnx"].tokens == found["same"].tokens


def test_windows_are_owned_by_documents_and_count_bytes(world: World) -> None:
    text = cut(world.base.path, world.text, 0)
    assert len({window.document for window in text.windows}) > 8
    assert all(window.scored_bytes > 0 for window in text.windows)
    few = cut(world.base.path, world.text, 5)
    assert len(few.windows) == 5
    assert set(few.windows) <= set(text.windows)


def test_another_tokenizer_is_an_error_for_token_metrics(world: World, tmp_path) -> None:
    other = HFModel(write_llama(tmp_path / "other", merges=20), "other")
    with pytest.raises(DiagnosticError) as caught:
        compare(world.base, {"other": other}, world.text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0905"
    assert "bits_per_byte" in (diagnostic.help or "")


def test_a_runtime_tokenizer_that_differs_is_an_error(world: World, tmp_path) -> None:
    """`Digits` in tokenizer.json is not known to the runtime, which ignores it in silence."""
    folder = tmp_path / "broken"
    shutil.copytree(world.onnx.path, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    digits = {"type": "Digits", "individual_digits": True}
    tokenizer["pre_tokenizer"]["pretokenizers"].insert(0, digits)
    tokenizer["model"]["merges"].insert(0, ["1", "2"])
    tokenizer["model"]["vocab"]["12"] = tokenizer["model"]["vocab"].pop(
        max(tokenizer["model"]["vocab"], key=len)
    )
    tokenizer["model"]["merges"] = [
        m for m in tokenizer["model"]["merges"] if "".join(m) in tokenizer["model"]["vocab"]
    ]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    write_text_data(tmp_path / "text", [Document("d", "chapter 12 of 1212 " * 30)], DataSpec(32))
    with pytest.raises(DiagnosticError) as caught:
        score(OnnxModel(folder, "broken"), TextData(tmp_path / "text", "t"))
    assert caught.value.diagnostics[0].code == "E0906"


def test_too_little_text_is_told(world: World, tmp_path) -> None:
    write_text_data(tmp_path / "text", [Document("d", "short")], DataSpec(64))
    with pytest.raises(DiagnosticError) as caught:
        score(world.base, TextData(tmp_path / "text", "t"))
    assert caught.value.diagnostics[0].code == "E0907"


def test_a_model_that_does_not_load_is_told(world: World, tmp_path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(world.onnx.path, folder)
    (folder / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(DiagnosticError) as caught:
        score(OnnxModel(folder, "broken"), world.text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0908"
    assert diagnostic.notes[0].message


def test_a_model_of_nonsense_is_told(world: World, tmp_path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(world.base.path, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] * float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DiagnosticError) as caught:
        compare(world.base, {"broken": HFModel(folder, "broken")}, world.text, 2)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0910"
    assert "`broken`" in diagnostic.message


@pytest.mark.slow
def test_integer_weights_are_scored_as_what_they_stand_for(world: World, tmp_path) -> None:
    """A quantized folder in torch, and its export in the runtime that serves: two ways to the same numbers."""
    quantized = write_quantized(
        write_quantizable(tmp_path / "float"), tmp_path / "quantized", symmetric=False
    )
    (tmp_path / "onnx").mkdir()
    build(quantized, tmp_path / "onnx", tmp_path, lambda message: None)
    subjects = {"onnx": OnnxModel(tmp_path / "onnx", "o")}
    found = compare(QuantizedModel(quantized, "q"), subjects, world.text, 3)["onnx"]
    assert found.kl_mean < 0.01  # activations are 8 bits wide there
    assert found.perplexity == pytest.approx(found.reference_perplexity, rel=0.02)
