"""The whole pass on a tiny Llama: what ships, what is recorded, and that a kill changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from infopt_compiler.artifacts import HFModel, ModelSpec
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.distill import device, run
from infopt_compiler.passes.distill.kept_files import WORK, training_folder
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.parameters import Freeze, Source
from infopt_compiler.passes.distill.training import checkpoint, loop
from tests.measure.models import write_llama
from tests.passes.distill.conftest import Context, handle, small, text_data


@pytest.fixture
def no_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging starts processes; where only the training is looked at, it is left out."""
    monkeypatch.setattr(run, "judge", lambda *arguments, **settings: {})


@pytest.fixture(scope="module")
def made(
    teacher: HFModel, texts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("made")
    ctx = Context(root / "staging", root)
    ctx.staging.mkdir()
    facts = small().run(ctx, teacher=teacher, student=None, **texts)
    return ctx.staging, facts["distillation"]


@pytest.mark.slow
def test_the_student_ships_and_nothing_else(made: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = made
    assert ModelSpec.from_folder(folder).layers == 1
    assert not (folder / run.WORK).exists()
    assert all(torch.isfinite(tensor).all() for tensor in load_file(folder / "model.safetensors").values())


@pytest.mark.slow
def test_facts_hold_control_both_texts_and_the_reduction(made: tuple[Path, dict[str, Any]]) -> None:
    _, facts = made
    json.dumps(facts, allow_nan=False)
    assert set(facts["quality"]) == {"heldout", "other"}
    for found in facts["quality"].values():
        assert set(found["students"]) == {"untrained", "control", "distilled"}
        assert found["students"]["distilled"]["kl"] < found["students"]["untrained"]["kl"]
        assert len(found["windows"]) >= 2
        parts = found["students"]["distilled"]["retention"]
        assert parts["worst"]["value"] <= parts["mean"]["value"]
    trained = facts["training"]["distilled"]
    assert trained["tokens"] == facts["training"]["control"]["tokens"] == 1280
    assert trained["best_loss"] <= trained["history"][0]["loss"]
    reduction = facts["reduction"]
    assert reduction["parameters"]["student"] < reduction["parameters"]["teacher"]
    assert reduction["faster"] > 0


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_digest(
    made: tuple[Path, dict[str, Any]],
    teacher: HFModel,
    texts: dict[str, Any],
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
    no_judging: None,
) -> None:
    """Once while the student learns, once while the control does."""
    whole = loop._Run._step
    left = {"distilled": 6, "control": 3}

    def step(self: Any) -> None:
        left[self.label] -= 1
        if left[self.label] == 0:
            raise KeyboardInterrupt
        whole(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_step", step)
        for label in left:
            with pytest.raises(KeyboardInterrupt):
                small().run(ctx, teacher=teacher, student=None, **texts)
            saved = checkpoint.read(training_folder(ctx.staging / WORK, label) / checkpoint.LATEST)
            assert saved is not None
            step, steps = saved["state"]["step"], saved["settings"]["steps"]
            assert small().resumes_at(ctx.staging, {}) == f"step {step} of {steps} of training `{label}`"
    small().run(ctx, teacher=teacher, student=None, **texts)
    assert digest_folder(ctx.staging) == digest_folder(made[0])


@pytest.mark.usefixtures("no_judging")
@pytest.mark.parametrize(
    "settings",
    [
        {"objective": Objective.reverse, "temperature": 2.0},
        {"objective": Objective.js, "hard": "30%"},
        {"freeze": Freeze.shared},
        {"train_embeddings": True},
        {"source": Source.teacher},
        {"source": Source.student, "tokens": "256 tokens"},
    ],
    ids=str,
)
def test_ways_to_learn(
    settings: dict[str, Any], teacher: HFModel, texts: dict[str, Any], ctx: Context
) -> None:
    facts = small(**({"tokens": "640 tokens"} | settings)).run(ctx, teacher=teacher, student=None, **texts)
    losses = facts["distillation"]["training"]["distilled"]["history"]
    assert losses[-1]["kl"] < losses[0]["kl"]
    if settings.get("freeze"):
        before = facts["distillation"]["layers_left_out"]
        assert before == facts["distillation"]["student"]["kept_layers"].index(before) if before else True


def test_another_tokenizer(teacher: HFModel, texts: dict[str, Any], ctx: Context, tmp_path: Path) -> None:
    other = handle(write_llama(tmp_path / "other", merges=60))
    with pytest.raises(PassError, match="different tokenizers: 359 and 319 entries") as caught:
        small(layers=None).run(ctx, teacher=teacher, student=other, **texts)
    assert caught.value.code == "E0751"


def test_no_text(teacher: HFModel, texts: dict[str, Any], ctx: Context, tmp_path: Path) -> None:
    short = text_data(tmp_path / "short", 0, 300, window=512)
    with pytest.raises(PassError, match="fills 0 windows of 512 tokens") as caught:
        small().run(ctx, teacher=teacher, student=None, **(texts | {"text": (short,)}))
    assert caught.value.code == "E0752"


@pytest.mark.usefixtures("no_judging")
def test_a_loss_that_is_not_finite(
    teacher: HFModel, texts: dict[str, Any], ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda settings, step: float("inf"))
    with pytest.raises(PassError, match="is not finite") as caught:
        small().run(ctx, teacher=teacher, student=None, **texts)
    assert caught.value.code == "E0753"
    kept = ctx.staging / run.WORK / "training" / "distilled" / "checkpoint.pt"
    assert str(kept) in (caught.value.help or "")
    assert torch.load(kept, weights_only=True)["state"]["losses"] == []


def test_a_teacher_that_does_not_fit(
    teacher: HFModel, texts: dict[str, Any], ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "free_bytes", lambda: 600e6)
    with pytest.raises(PassError, match=r"the teacher takes .*, and 600 MB are free") as caught:
        small().run(ctx, teacher=teacher, student=None, **texts)
    assert caught.value.code == "E0754"


def test_every_process_needs_memory_of_its_own(teacher: HFModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for one is not enough for two."""
    monkeypatch.setattr(device, "free_bytes", lambda: 1200e6)
    device.require_memory(teacher.path, None, small())
    with pytest.raises(PassError, match="in each of 2 processes") as caught:
        device.require_memory(teacher.path, None, small(world_size=2))
    assert caught.value.code == "E0754"
