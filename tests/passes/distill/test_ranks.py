"""Two processes under torchrun make the steps that one makes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from infopt_compiler.artifacts import HFModel
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.distill import run
from infopt_compiler.passes.distill.parameters import Precision
from infopt_compiler.passes.distill.prepare import prepare
from tests.passes.distill.conftest import Context, overflowing, small


@pytest.fixture(autouse=True)
def no_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "judge", lambda *arguments, **settings: {})


def losses(teacher: HFModel, texts: dict[str, Any], folder: Path, processes: int, **more: Any) -> list[float]:
    ctx = Context(folder / "staging", folder / "scratch")
    for made in (ctx.staging, ctx.scratch):
        made.mkdir(parents=True)
    settings = small(tokens="2560 tokens", world_size=processes, **more)
    facts = settings.run(ctx, teacher=teacher, student=None, **texts)
    assert any("step 20 of 20" in message for message in ctx.told)
    found: list[float] = facts["distillation"]["training"]["distilled"]["losses"]
    return found


@pytest.mark.slow
def test_the_first_20_losses_are_those_of_one_process(
    teacher: HFModel, texts: dict[str, Any], tmp_path: Path
) -> None:
    one = losses(teacher, texts, tmp_path / "one", 1)
    two = losses(teacher, texts, tmp_path / "two", 2)
    assert len(one) == len(two) == 20
    assert two == pytest.approx(one, rel=1e-3)


@pytest.mark.slow
def test_an_error_of_a_process_is_the_pass_s(
    teacher: HFModel, texts: dict[str, Any], ctx: Context, tmp_path: Path
) -> None:
    student, settings = (
        overflowing(teacher, tmp_path / "student"),
        small(world_size=2, layers=None, width=None),
    )
    with pytest.raises(PassError, match="is not finite") as caught:
        settings.run(ctx, teacher=teacher, student=student, **texts)
    assert caught.value.code == "E0753"
    assert caught.value.keep_staging


@pytest.mark.slow
@pytest.mark.parametrize("precision", [Precision.float32, Precision.bfloat16])
def test_spread_weights_make_the_steps_of_whole_ones(
    teacher: HFModel, texts: dict[str, Any], tmp_path: Path, precision: Precision
) -> None:
    """FSDP2 over gloo: the losses, and the student that ships."""
    more = {"train_embeddings": True, "precision": precision}
    whole = losses(teacher, texts, tmp_path / "whole", 2, **more)
    spread = losses(teacher, texts, tmp_path / "spread", 2, fsdp=True, **more)
    assert spread == pytest.approx(whole, rel=1e-3 if precision is Precision.float32 else 5e-3)
    found = [load_file(tmp_path / name / "staging/model.safetensors") for name in ("whole", "spread")]
    assert found[0].keys() == found[1].keys()
    for name, tensor in found[0].items():
        assert torch.allclose(tensor, found[1][name], atol=2e-3), name


@pytest.mark.slow
def test_spread_training_goes_on_from_the_step_that_all_have(
    teacher: HFModel, texts: dict[str, Any], tmp_path: Path
) -> None:
    """Killed between the writes of two processes: one has the checkpoint of step 20, the other that of step 16."""
    settings = small(tokens="2560 tokens", world_size=2, fsdp=True)
    ctx = Context(tmp_path / "staging", tmp_path / "scratch")
    for made in (ctx.staging, ctx.scratch):
        made.mkdir()
    started = run.Run(settings, ctx, teacher.path, None, texts["text"])
    started.work.mkdir()
    prepare(started.setup)
    started.train_apart()
    whole = load_file(started.work / "distilled/model.safetensors")
    for label in ("control", "distilled"):
        shutil.rmtree(started.work / label)
        (started.work / f"{label}.json").unlink()
        behind = started.work / f"training/{label}/rank1of2"
        (behind / "before.pt").replace(behind / "checkpoint.pt")
    ctx.told.clear()
    started.train_apart()
    assert any("step 17 of 20" in message for message in ctx.told)
    assert not any("step 16 of 20" in message for message in ctx.told)
    again = load_file(started.work / "distilled/model.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())
