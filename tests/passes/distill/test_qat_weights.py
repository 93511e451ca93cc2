"""A quantized student learns on its own grid: it starts as what it is, and what ships is what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from infopt_compiler.artifacts import HFModel, QuantizedModel
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.artifacts.quantized import dequantize_folder
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.distill import Distill, run
from infopt_compiler.passes.distill.decoder import load_decoder
from infopt_compiler.passes.distill.qat_weights import QatWeights, load_quantized
from infopt_compiler.passes.quantize.quantize import Quantize
from tests.measure.models import write_llama
from tests.passes.distill.conftest import Context, handle, small


def quantized(model: HFModel, root: Path, **settings: Any) -> QuantizedModel:
    ctx = Context(root / "quantized", root)
    ctx.staging.mkdir(parents=True)
    given = {"method": "rtn", "group": 16, "head_group": 16, "head_bits": 4, "embedding_bits": 8}
    Quantize(**(given | settings)).run(ctx, model=model, calibrate=None)
    return QuantizedModel(ctx.staging, digest_folder(ctx.staging))


@pytest.fixture(scope="module", params=[True, False], ids=["symmetric", "zero points"])
def student(
    request: pytest.FixtureRequest, teacher: HFModel, tmp_path_factory: pytest.TempPathFactory
) -> QuantizedModel:
    return quantized(teacher, tmp_path_factory.mktemp("q"), symmetric=request.param)


def recover(**settings: Any) -> Distill:
    return small(
        **({"layers": None, "width": None, "train_embeddings": True, "learning_rate": 1e-2} | settings)
    )


def test_it_starts_as_the_quantized_student(teacher: HFModel, student: QuantizedModel) -> None:
    model = load_quantized(student.path)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    weights = QatWeights(model, student.path, load_decoder(teacher.path), head=True, floats16=False)
    weights.weights_changed()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter.detach(), before[name]), name
    assert weights.changed() == 0


def test_gradient_of_scales_is_exact(teacher: HFModel, student: QuantizedModel) -> None:
    """Integers fixed, the loss moves with a scale as its gradient says."""
    model = load_quantized(student.path)
    weights = QatWeights(model, student.path, load_decoder(teacher.path), head=True, floats16=False)
    weights.weights_changed()
    matrix = weights.matrices["model.layers.1.mlp.up_proj"]
    used = model.model.layers[1].mlp.up_proj.weight

    def loss() -> torch.Tensor:
        return (used * torch.arange(used.numel(), dtype=torch.float32).view_as(used).sin()).sum()

    loss().backward()
    weights.collect_gradients()
    assert matrix.stretch_RG.grad is not None
    before, slope = float(loss().detach()), float(matrix.stretch_RG.grad[3, 1])
    with torch.no_grad():
        matrix.stretch_RG[3, 1] += 1e-2
    weights.weights_changed()
    assert float(loss().detach()) - before == pytest.approx(1e-2 * slope, rel=1e-2, abs=1e-5)


@pytest.mark.slow
def test_what_ships_is_what_was_trained(
    teacher: HFModel,
    student: QuantizedModel,
    texts: dict[str, Any],
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "judge", lambda *arguments, **settings: {})
    facts = recover().run(ctx, teacher=teacher, student=student, **texts)["distillation"]
    history = facts["training"]["distilled"]["history"]
    assert history[-1]["kl"] < history[0]["kl"]
    assert 0 < facts["training"]["distilled"]["integers_changed"] < 0.5
    read = [json.loads((folder / "config.json").read_text()) for folder in (student.path, ctx.staging)]
    assert read[0] == read[1]
    sizes = [
        sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        for folder in (student.path, ctx.staging)
    ]
    assert sizes[0] == sizes[1]
    shapes = [
        {
            name: (value.shape, value.dtype)
            for f in sorted(folder.glob("*.safetensors"))
            for name, value in load_file(f).items()
        }
        for folder in (student.path, ctx.staging)
    ]
    assert shapes[0] == shapes[1]
    changed = dict(dequantize_folder(ctx.staging))
    moved = [name for name, weight in dequantize_folder(student.path) if (weight != changed[name]).any()]
    assert "lm_head.weight" in moved and "model.layers.0.self_attn.q_proj.weight" in moved
    assert "model.embed_tokens.weight" not in moved


def test_a_teacher_of_another_shape(
    student: QuantizedModel, texts: dict[str, Any], ctx: Context, tmp_path: Path
) -> None:
    other = handle(write_llama(tmp_path / "other", layers=4, hidden=64))
    with pytest.raises(PassError, match="no quantization of it") as caught:
        recover().run(ctx, teacher=other, student=student, **texts)
    assert caught.value.code == "E0755"
