"""The training loop. A restart goes on from the last checkpoint and ends with the same bytes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from infopt_compiler.artifacts.durable import write_json

from . import checkpoint
from .checkpoint import BEFORE, BEST, LATEST, PROGRESS, State
from .errors import NotFinite
from .gradients import add_up_and_clip
from .order import share_of, step_items
from .processes import Processes
from .settings import TrainSettings, learning_rate

if TYPE_CHECKING:
    from .task import Task

Tell = Callable[[float, float, str], None]
Log = Callable[[str, int, dict[str, float]], None]


@dataclass(frozen=True)
class Trained:
    """How training went; the task holds the best weights. `stopped`: `steps` (all were made) or `patience`."""

    state: State
    stopped: str

    def facts(self, settings: TrainSettings, task: Task) -> dict[str, Any]:
        """Plain data for the report."""
        items = self.state.step * settings.batch
        return {
            "steps": self.state.step,
            "stopped": self.stopped,
            "best_step": self.state.best_step,
            "best_loss": self.state.best,
            "seconds": self.state.seconds,
            "tokens": int(items * task.tokens_per_item),
            "epochs": items / max(1, task.items),
            "losses": self.state.losses,
            "history": self.state.history,
        }


def train(
    task: Task,
    settings: TrainSettings,
    folder: Path,
    tell: Tell,
    *,
    label: str = "training",
    log: Log | None = None,
    processes: Processes | None = None,
) -> Trained:
    """Train, and leave the task with the weights of the best evaluation. `folder` holds the checkpoints: the same one
    after a kill goes on where it was, with the same result. Raises NotFinite; then `folder` keeps the last good step.
    """
    run = _Run(task, settings, folder, tell, label, log, processes or Processes())
    return run.all()


class _Run:
    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        folder: Path,
        tell: Tell,
        label: str,
        log: Log | None,
        processes: Processes,
    ) -> None:
        self.task, self.settings, self.folder = task, settings, folder
        self.tell, self.label, self.log, self.processes = tell, label, log, processes
        self.parameters = task.parameters()
        self.sharded = bool(task.sharded)
        if self.sharded:  # every process has a part of its own to keep
            self.folder = folder / f"rank{self.processes.rank}of{self.processes.count}"
        self.state, self._since = State(), time.monotonic()
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def all(self) -> Trained:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        self._since = time.monotonic()
        if self.state.step == 0 and not self.state.history:
            self._evaluate()
            self._save()
        while self.state.step < self.settings.steps and not self._out_of_patience():
            self._step()
            last = self.state.step == self.settings.steps
            if last or self.state.step % self.settings.evaluate_every == 0:
                self._evaluate()
            if last or self.state.step % self.settings.checkpoint_every == 0 or self._out_of_patience():
                self._save()
        best = checkpoint.read(self.folder / BEST)
        assert best is not None  # the first evaluation wrote it
        checkpoint.copy_into(self.parameters, best["parameters"])
        self.task.weights_changed()
        return Trained(self.state, "patience" if self._out_of_patience() else "steps")

    def _out_of_patience(self) -> bool:
        return 0 < self.settings.patience <= self.state.waited

    def _step(self) -> None:
        """One optimizer step over the whole batch, whatever the number of processes and pieces."""
        step = self.state.step
        everything = step_items(self.task.items, self.settings.batch, step, self.settings.seed)
        mine = share_of(everything, self.processes.rank, self.processes.count)
        count = self.task.count(everything)
        total = 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for first in range(0, len(mine), self.settings.micro_batch):
            loss, _ = self.task.loss(mine[first : first + self.settings.micro_batch], step)
            (loss / count).backward()
            total += float(loss.detach())
        self.task.collect_gradients()
        summed = torch.tensor([total], dtype=torch.float64)
        self.processes.add_up([summed])
        mean = float(summed) / count
        norm = add_up_and_clip(self.parameters, self.task.sharded, self.settings.clip, self.processes)
        self._require_finite(mean, norm)
        rate = learning_rate(self.settings, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.task.weights_changed()
        self.state.step += 1
        self.state.losses.append(mean)
        self._report(mean, norm, rate)

    def _require_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        what = "loss" if not math.isfinite(loss) else "gradient"
        raise self._not_finite(f"the {what} of step {self.state.step + 1}")

    def _not_finite(self, what: str) -> NotFinite:
        kept = self.folder / LATEST
        if not kept.is_file():
            return NotFinite(
                f"{self.label}: {what} is not finite before any step was made",
                help="teacher or student gives no finite numbers on this text; try `precision = float32`",
            )
        return NotFinite(
            f"{self.label}: {what} is not finite",
            help=f"lower `learning_rate`, or raise `warmup`; the last good weights are kept in {kept}",
        )

    def _report(self, loss: float, norm: float, rate: float) -> None:
        if not self.processes.first:
            return
        tokens = self.state.step * self.settings.batch * self.task.tokens_per_item
        message = f"{self.label}: step {self.state.step} of {self.settings.steps}, {tokens:,.0f} tokens, loss {loss:.4g}"
        self.tell(self.state.step, self.settings.steps, message)
        if self.log is not None:
            self.log(
                self.label, self.state.step, {"loss": loss, "gradient_norm": norm, "learning_rate": rate}
            )

    def _evaluate(self) -> None:
        found = self.processes.agreed(self.task.validate())
        loss = found["loss"]
        if not math.isfinite(loss):
            raise self._not_finite(f"the loss on windows kept apart, after {self.state.step} steps,")
        self.state.history.append({"step": float(self.state.step), **found})
        if self.log is not None and self.processes.first:
            self.log(
                self.label, self.state.step, {f"held_out/{name}": value for name, value in found.items()}
            )
        if loss < self.state.best:
            self.state.best, self.state.best_step, self.state.waited = loss, self.state.step, 0
            self._write(BEST, {"parameters": self._values()})
        else:
            self.state.waited += 1

    def _values(self) -> dict[str, torch.Tensor]:
        return {name: parameter.detach() for name, parameter in self.parameters.items()}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        if self.sharded or self.processes.first:
            checkpoint.write(self.folder / name, content)
        self.processes.wait()

    def _save(self) -> None:
        now = time.monotonic()
        self.state.seconds, self._since = self.state.seconds + now - self._since, now
        content = {
            "settings": asdict(self.settings),
            "state": asdict(self.state),
            "parameters": self._values(),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.sharded and (self.folder / LATEST).is_file():
            (self.folder / LATEST).replace(self.folder / BEFORE)
        self._write(LATEST, content)
        if self.processes.first:
            ended = self.state.step == self.settings.steps or self._out_of_patience()
            note = {"step": self.state.step, "steps": self.settings.steps, "ended": ended}
            write_json(self.folder / PROGRESS, note)

    def _resume(self) -> None:
        """From the last checkpoint. One of other settings is another training's, and is not used."""
        saved = self._saved()
        if saved is None:
            return
        checkpoint.copy_into(self.parameters, saved["parameters"])
        self.task.weights_changed()
        self.optimizer.load_state_dict(saved["optimizer"])
        self.state = State(**saved["state"])

    def _saved(self) -> dict[str, Any] | None:
        """The latest checkpoint; of shares the latest step that every process has, as a kill may come between two writes."""
        found = [
            checkpoint.read(self.folder / name) for name in ((LATEST, BEFORE) if self.sharded else (LATEST,))
        ]
        own = [saved for saved in found if saved is not None and saved["settings"] == asdict(self.settings)]
        if not self.sharded:
            return own[0] if own else None
        step = self.processes.least(max((saved["state"]["step"] for saved in own), default=-1))
        chosen = next((saved for saved in own if saved["state"]["step"] == step), None)
        if found[0] is not None and chosen is not None and chosen is not found[0]:
            # a step that not all have is forgotten: else the next save would keep it as the one before, and lose this one
            (self.folder / BEFORE).replace(self.folder / LATEST)
        return chosen if self.processes.least(int(chosen is not None)) else None
