"""Encoder distillation from folders and text to a student's folder and the facts of how good it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from infopt_compiler.artifacts import TextData
from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.passes.distill.amounts import OBSERVED, OBSERVED_LENGTH
from infopt_compiler.passes.distill.encoder.losses import Weights
from infopt_compiler.passes.distill.encoder.model import Encoder
from infopt_compiler.passes.distill.encoder.quality import Jury, embed
from infopt_compiler.passes.distill.encoder.sentences import Sentences
from infopt_compiler.passes.distill.encoder.task import EncoderTask
from infopt_compiler.passes.distill.encoder.view import View, look
from infopt_compiler.passes.distill.kept_files import CONTROL, DISTILLED, training_folder
from infopt_compiler.passes.distill.students.plan import StudentShape
from infopt_compiler.passes.distill.students.prune import prune_folder
from infopt_compiler.passes.distill.training.errors import BadStudent
from infopt_compiler.passes.distill.training.loop import Log, train
from infopt_compiler.passes.distill.training.settings import TrainSettings
from infopt_compiler.passes.distill.write import write_student

Tell = Callable[[float, float, str], None]

_CONTROL = Weights(vector=0.0, contrast=1.0)


@dataclass(frozen=True)
class EncoderPlan:
    """`shape`: of a student that is made from the teacher, None where one is given; `control`: train one without the
    teacher, too."""

    shape: StudentShape | None
    training: TrainSettings
    weights: Weights
    control: bool = True


def distill_encoder(
    teacher: Path,
    student: Path | None,
    sentences: tuple[Sentences, Sentences],
    held_out: dict[str, TextData],
    plan: EncoderPlan,
    out: Path,
    work: Path,
    tell: Tell,
    log: Log | None = None,
) -> dict[str, Any]:
    """Write the distilled student into `out`; facts for the report.

    `sentences` are to learn on and to stop by; `held_out` has the texts that judge, by name. `work` holds what a killed run left: the same `work` goes on there and
    ends with the same bytes. Raises NoText, NotFinite, BadStudent, OSError.
    """
    return _Run(teacher, sentences, plan, work, tell, log).all(student, held_out, out)


class _Run:
    def __init__(
        self,
        teacher: Path,
        sentences: tuple[Sentences, Sentences],
        plan: EncoderPlan,
        work: Path,
        tell: Tell,
        log: Log | None,
    ) -> None:
        self.folder, self.plan, self.work, self.tell, self.log = teacher, plan, work, tell, log
        self.train, self.apart = sentences
        self.teacher = Encoder(teacher)

    def all(self, given: Path | None, held_out: dict[str, TextData], out: Path) -> dict[str, Any]:
        start, made = self._start(given)
        views = self._look(self.train, "train"), self._look(self.apart, "apart")
        training = {DISTILLED: self._learn(DISTILLED, start, views, self.plan.weights, out)}
        folders = {"untrained": start, DISTILLED: out}
        if self.plan.control:
            folders[CONTROL] = self.work / CONTROL
            training[CONTROL] = self._learn(CONTROL, start, (None, None), _CONTROL, folders[CONTROL])
        return {
            "student": made,
            "text_sentences": len(self.train),
            "text_tokens": self.train.tokens,
            "matched": asdict(self.plan.weights),
            "training": training,
            "quality": {name: self._judge(data, folders) for name, data in held_out.items()},
        }

    def _start(self, given: Path | None) -> tuple[Path, dict[str, Any]]:
        """The student before training, and how it was made."""
        if given is not None:
            _require_like(Encoder(given), self.teacher)
            return given, {"made": "given"}
        assert self.plan.shape is not None
        folder, note = self.work / "untrained", self.work / "untrained.json"
        if read_json(note) is None:
            shutil.rmtree(folder, ignore_errors=True)
            short = [k for k in range(len(self.train)) if self.train.length(k) <= OBSERVED_LENGTH]
            windows = self.train.rows(
                (short or list(range(len(self.train))))[:: max(1, len(short) // OBSERVED)]
            )
            facts = prune_folder(self.folder, self.plan.shape, windows, folder, self.tell)
            write_json(note, {"made": "pruned", **asdict(self.plan.shape), **facts})
        return folder, read_json(note)

    def _look(self, sentences: Sentences, name: str) -> View:
        def tell(done: int, total: int) -> None:
            self.tell(done, total, f"the teacher reads: {done} of {total} batches")

        states, floats16 = self.plan.weights.states, self.plan.training.floats16
        folder = self.work / "view" / name
        return look(self.teacher, sentences, folder, states=states, floats16=floats16, tell=tell)

    def _learn(
        self,
        label: str,
        start: Path,
        views: tuple[View | None, View | None],
        weights: Weights,
        out: Path,
    ) -> dict[str, Any]:
        """Train from `start` and write the best weights into `out`."""
        student = Encoder(start)
        settings = self.plan.training
        task = EncoderTask(
            student,
            self.teacher,
            (self.train, views[0]),
            (self.apart, views[1]),
            weights,
            seed=settings.seed,
            floats16=settings.floats16,
        )
        trained = train(
            task, settings, training_folder(self.work, label), self.tell, label=label, log=self.log
        )
        shutil.rmtree(out, ignore_errors=True)
        write_student(start, _stored(start, student), out)
        return trained.facts(settings, task)

    def _judge(self, data: TextData, folders: dict[str, Path]) -> dict[str, Any]:
        """All of them on one text, and what the distilled one gained over those that had no teacher."""
        jury = Jury(self.folder, data)
        judged = {name: jury.judge(embed(folder, jury.texts)) for name, folder in folders.items()}
        distilled, own = judged[DISTILLED], jury.judge(jury.reference)
        gains = {
            f"gain_over_{name}": {
                metric: jury.gain(getattr(distilled, metric), getattr(other, metric))
                for metric in ("cosine", "ranking", "companions")
            }
            for name, other in judged.items()
            if name != DISTILLED
        }
        kept = distilled.companions.mean() / max(own.companions.mean(), 1e-9)
        return {
            "sentences": len(jury.texts),
            "teacher": {"companions": own.facts()["companions"]},
            "students": {name: found.facts() for name, found in judged.items()},
            "retention": {"companions": round(float(kept), 5), "ranking": distilled.facts()["ranking"]},
            **gains,
            "beats_control": CONTROL in judged and gains["gain_over_control"]["companions"]["beyond_noise"],
        }


def _require_like(student: Encoder, teacher: Encoder) -> None:
    """A vector can only be asked to equal one of its own width; states of tokens too."""
    own, other = student.model.config.hidden_size, teacher.model.config.hidden_size
    if own != other:
        raise BadStudent(
            f"the student's vectors have {own} numbers and the teacher's {other}",
            help="choose a student of the teacher's width, or let one be made from it (`layers`)",
        )


def _stored(start: Path, student: Encoder) -> dict[str, Tensor]:
    """The trained weights by the names that the folder's file has."""
    from safetensors import safe_open

    names = student.family.names
    with safe_open(start / "model.safetensors", "pt") as opened:
        prefix = names.optional_prefix
        prefix = prefix if any(name.startswith(prefix) for name in opened.keys()) else ""  # noqa: SIM118
    return {f"{prefix}{names.layers}.{name}": value for name, value in student.layers.state_dict().items()}
