"""The training loop on a small regression: it learns, stops, resumes exactly, and refuses what is not finite."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from infopt_compiler.passes.distill.training.errors import NotFinite
from infopt_compiler.passes.distill.training.loop import Trained, train
from infopt_compiler.passes.distill.training.order import share_of, step_items
from infopt_compiler.passes.distill.training.settings import TrainSettings, learning_rate

SETTINGS = TrainSettings(
    steps=40, batch=8, micro_batch=4, learning_rate=0.2, evaluate_every=10, checkpoint_every=5
)


class Line:
    """Fits y = 2x with one weight."""

    def __init__(self, poison: int | None = None) -> None:
        torch.manual_seed(0)
        self.x = torch.randn(32, 1)
        self.layer = nn.Linear(1, 1)
        self.poison = poison
        self.die_at: int | None = None

    @property
    def items(self) -> int:
        return len(self.x)

    @property
    def tokens_per_item(self) -> float:
        return 1.0

    def parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.layer.named_parameters())

    @property
    def sharded(self) -> frozenset[str]:
        return frozenset()

    def collect_gradients(self) -> None:
        pass

    def weights_changed(self) -> None:
        pass

    def count(self, items: list[int]) -> int:
        return len(items)

    def loss(self, items: list[int], step: int) -> tuple[Tensor, int]:
        if step == self.die_at:
            raise KeyboardInterrupt
        loss = (self.layer(self.x[items]) - 2 * self.x[items]).square().sum()
        return loss * (float("nan") if step == self.poison else 1.0), len(items)

    def validate(self) -> dict[str, float]:
        with torch.no_grad():
            return {"loss": float((self.layer(self.x) - 2 * self.x).square().mean())}


def quiet(done: float, total: float, message: str) -> None:
    pass


def run(task: Line, folder: Path, settings: TrainSettings = SETTINGS) -> Trained:
    return train(task, settings, folder, quiet)


def test_it_learns(tmp_path: Path) -> None:
    task = Line()
    trained = run(task, tmp_path)
    assert task.validate()["loss"] < 0.05
    assert [row["step"] for row in trained.state.history] == [0, 10, 20, 30, 40]
    facts = trained.facts(SETTINGS, task)
    assert facts["tokens"] == 320
    assert facts["epochs"] == 10
    assert len(facts["losses"]) == 40


def test_killed_twice_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = Line()
    expected = run(whole, tmp_path / "whole")
    for die_at in (7, 23):
        task = Line()
        task.die_at = die_at
        with pytest.raises(KeyboardInterrupt):
            run(task, tmp_path / "cut")
        saved = torch.load(tmp_path / "cut" / "checkpoint.pt", weights_only=True)
        told = json.loads((tmp_path / "cut" / "progress.json").read_text())
        assert told == {"step": saved["state"]["step"], "steps": 40, "ended": False}
    again = Line()
    found = run(again, tmp_path / "cut")
    assert torch.equal(again.layer.weight, whole.layer.weight)
    assert found.state == expected.state


def test_not_finite_stops_and_keeps_the_last_good_step(tmp_path: Path) -> None:
    with pytest.raises(NotFinite, match="loss of step 13 is not finite") as caught:
        run(Line(poison=12), tmp_path)
    assert caught.value.code == "E0753"
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["state"]["step"] == 10
    assert all(torch.isfinite(value).all() for value in kept["parameters"].values())


def test_patience(tmp_path: Path) -> None:
    """A learning rate so high that nothing gets better: the untrained weights are the best ones."""
    settings = TrainSettings(
        steps=40, batch=8, micro_batch=8, learning_rate=50.0, evaluate_every=2, patience=3, clip=1e9
    )
    task = Line()
    before = task.layer.weight.detach().clone()
    trained = run(task, tmp_path, settings)
    assert (trained.stopped, trained.state.step, trained.state.best_step) == ("patience", 6, 0)
    assert torch.equal(task.layer.weight, before)


def test_every_item_once_an_epoch() -> None:
    steps = [step_items(10, 5, step, seed=3) for step in range(4)]
    assert sorted(steps[0] + steps[1]) == sorted(steps[2] + steps[3]) == list(range(10))
    assert steps[0] + steps[1] != steps[2] + steps[3]
    assert sorted(share_of(steps[0], 0, 2) + share_of(steps[0], 1, 2)) == sorted(steps[0])


def test_schedule() -> None:
    settings = TrainSettings(steps=100, batch=1, micro_batch=1, learning_rate=1.0, warmup=0.1, final=0.1)
    rates = [learning_rate(settings, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == rates[9] == 1.0
    assert rates[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[10:]))


@pytest.mark.parametrize("step", [0, 10])
def test_a_look_that_is_not_finite(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says after which step, and names kept weights only where there are some."""
    task, looks = Line(), iter([1.0] * (step // 10) + [float("nan")])
    monkeypatch.setattr(task, "validate", lambda: {"loss": next(looks)})
    with pytest.raises(NotFinite, match=f"after {step} steps, is not finite") as caught:
        run(task, tmp_path)
    kept = tmp_path / "checkpoint.pt"
    assert kept.is_file() == (str(kept) in (caught.value.help or "")) == (step > 0)
