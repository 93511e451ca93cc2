"""Two processes under torchrun make the steps that one makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infopt_compiler.artifacts import HFModel
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.distill import run
from tests.passes.distill.conftest import Context, small


@pytest.fixture(autouse=True)
def no_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "judge", lambda *arguments, **settings: {})


def losses(teacher: HFModel, texts: dict[str, Any], folder: Path, processes: int) -> list[float]:
    ctx = Context(folder / "staging", folder / "scratch")
    for made in (ctx.staging, ctx.scratch):
        made.mkdir(parents=True)
    settings = small(tokens="2560 tokens", processes=processes)
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
def test_an_error_of_a_process_is_the_pass_s(teacher: HFModel, texts: dict[str, Any], ctx: Context) -> None:
    settings = small(processes=2, learning_rate=1e6, warmup="0%")
    with pytest.raises(PassError, match="is not finite") as caught:
        settings.run(ctx, teacher=teacher, student=None, **texts)
    assert caught.value.code == "E0753"
    assert caught.value.keep_staging
