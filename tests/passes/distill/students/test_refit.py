"""Integers fitted in closed form: nearer to the teacher, on the same grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from infopt_compiler.artifacts import HFModel, QuantizedModel
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.distill import run
from infopt_compiler.passes.distill.data import training_windows
from infopt_compiler.passes.distill.decoder import load_decoder
from infopt_compiler.passes.distill.qat_weights import QatWeights, load_quantized
from infopt_compiler.passes.distill.students.integers import descend
from infopt_compiler.passes.distill.students.refit import refit
from infopt_compiler.passes.distill.training.errors import BadStudent
from tests.passes.distill.conftest import Context, small
from tests.passes.distill.test_qat_weights import quantized


@pytest.fixture(scope="module")
def student(teacher: HFModel, tmp_path_factory: pytest.TempPathFactory) -> QuantizedModel:
    return quantized(teacher, tmp_path_factory.mktemp("refit"), symmetric=False)


def opened(teacher: HFModel, student: QuantizedModel) -> tuple[Any, Any, QatWeights]:
    exact, own = load_decoder(teacher.path), load_quantized(student.path)
    weights = QatWeights(own, student.path, exact, head=True, floats16=False)
    weights.weights_changed()
    return exact, own, weights


def test_inputs_that_have_nothing_in_common_give_the_nearest_integers(
    teacher: HFModel, student: QuantizedModel
) -> None:
    matrix = opened(teacher, student)[2].matrices["model.layers.1.mlp.up_proj"]
    wide = matrix.scales().repeat_interleave(matrix.group, 1)
    zero = matrix.zero_RG1.expand(-1, -1, matrix.group).reshape_as(wide)
    target = matrix.weight() + wide * torch.randn(wide.shape, generator=torch.Generator().manual_seed(0))
    descend(matrix, target, torch.eye(wide.shape[1]), 1)
    nearest = (target / wide + zero).round().clamp(0, (1 << matrix.bits) - 1)
    assert (matrix.integers() != nearest).float().mean() < 0.01  # ties and the ridge
    assert matrix.integers().min() >= 0 and matrix.integers().max() < 1 << matrix.bits


def test_every_sweep_lowers_the_objective(teacher: HFModel, student: QuantizedModel) -> None:
    generator = torch.Generator().manual_seed(1)
    left = []
    for sweeps in (1, 2, 3):
        matrix = opened(teacher, student)[2].matrices["model.layers.0.mlp.down_proj"]
        target = matrix.weight() + 0.3 * matrix.weight().std() * torch.randn(
            matrix.weight().shape, generator=generator.manual_seed(1)
        )
        x = torch.randn(256, target.shape[1], generator=generator) @ torch.randn(
            target.shape[1], target.shape[1], generator=generator
        )
        old = matrix.weight()
        said = descend(matrix, target, x.T @ x, sweeps)
        before, after = (((w - target) @ x.T).square().sum() for w in (old, matrix.weight()))
        assert float(after / before) == pytest.approx(said, abs=0.02)
        left.append(said)
    assert 1 > left[0] >= left[1] >= left[2]


def test_the_student_comes_nearer_to_its_teacher(
    teacher: HFModel, student: QuantizedModel, texts: dict[str, Any]
) -> None:
    exact, own, weights = opened(teacher, student)
    text = training_windows(teacher.path, texts["text"])
    before = divergence(exact, own, text.validation_NS)
    left = refit(exact, own, weights, text.train_NS, lambda *_: None)
    assert len(left) == len(exact.model.layers) + 1 and all(share < 1 for share in left)
    assert divergence(exact, own, text.validation_NS) < 0.9 * before


@torch.no_grad()
def divergence(exact: Any, own: Any, ids_NS: torch.Tensor) -> float:
    p, q = (model(ids_NS).logits.log_softmax(-1) for model in (exact, own))
    return float((p.exp() * (p - q)).sum(-1).mean())


def test_what_ships_began_with_the_fit(
    teacher: HFModel,
    student: QuantizedModel,
    texts: dict[str, Any],
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "judge", lambda *arguments, **settings: {})
    settings = small(layers=None, width=None, refit=True, tokens="1 tokens", learning_rate=0.0)
    facts = settings.run(ctx, teacher=teacher, student=student, **texts)["distillation"]["student"]
    assert 0 < facts["refit_integers_changed"] < 0.5 and len(facts["refit_error_left"]) == 5
    exact, own, weights = opened(teacher, student)
    text = training_windows(teacher.path, texts["text"])
    refit(exact, own, weights, text.train_NS, lambda *_: None)
    shipped = opened(teacher, QuantizedModel(ctx.staging, ""))[2]
    for name, matrix in weights.matrices.items():
        assert torch.equal(matrix.integers(), shipped.matrices[name].integers()), name


def test_only_integers_are_fitted(
    teacher: HFModel, texts: dict[str, Any], ctx: Context, tmp_path: Path
) -> None:
    problems = list(small(refit=True).check(None))
    assert [(problem.code, problem.parameter) for problem in problems] == [("E0750", "refit")]
    settings = replace(small(refit=True), layers=None, width=None)
    with pytest.raises(PassError, match="has none"):
        settings.run(ctx, teacher=teacher, student=teacher, **texts)


def test_layers_of_another_build(teacher: HFModel, student: QuantizedModel) -> None:
    exact, own, weights = opened(teacher, student)
    exact.model.layers[0].add_module("pre_feedforward_layernorm", torch.nn.Identity())
    with pytest.raises(BadStudent, match="parts of Llama"):
        refit(exact, own, weights, torch.zeros(1, 4, dtype=torch.long), lambda *_: None)
