"""Runs `distill`: student, teacher's view, control and distilled training, judgement, and the folder that ships."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel, TextData
from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.passes.base import RunContext
from infopt_compiler.passes.distill.data import Windows, require_one_tokenizer, training_windows
from infopt_compiler.passes.distill.decoder import load_decoder, shared_layers
from infopt_compiler.passes.distill.decoder_task import DecoderTask
from infopt_compiler.passes.distill.device import device_name, multiplies_bfloat16, require_memory
from infopt_compiler.passes.distill.distill import QUICK_STEPS, Distill, Freeze, Preset, Source
from infopt_compiler.passes.distill.generate import OnPolicyTask, continued
from infopt_compiler.passes.distill.grid_weights import GridWeights, load_quantized
from infopt_compiler.passes.distill.head import Blend
from infopt_compiler.passes.distill.judge import WINDOWS, cut_text, judge
from infopt_compiler.passes.distill.kept_files import ship, shipped
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.speed import compare_speed
from infopt_compiler.passes.distill.spread import SpreadWeights
from infopt_compiler.passes.distill.students.plan import choose_shape
from infopt_compiler.passes.distill.students.prune import prune_folder
from infopt_compiler.passes.distill.teacher import View, Views, teach
from infopt_compiler.passes.distill.tracking import open_log
from infopt_compiler.passes.distill.training.errors import BadStudent
from infopt_compiler.passes.distill.training.loop import Trained, train
from infopt_compiler.passes.distill.training.processes import Processes
from infopt_compiler.passes.distill.training.settings import TrainSettings
from infopt_compiler.passes.distill.weights import PlainWeights, Weights
from infopt_compiler.passes.distill.write import write_student
from infopt_compiler.units import parse_quantity

TRIALS, TRIAL_TOKENS = 12, 64  # windows on which layers are tried: short, and from all over the text
WORK = ".work"  # inside the staging folder: what a killed run left there is gone on with
CONTROL, DISTILLED = "control", "distilled"


def run_distill(
    settings: Distill,
    ctx: RunContext,
    teacher: HFModel,
    student: HFModel | QuantizedModel | None,
    text: tuple[TextData, ...],
    heldout: TextData,
    other: TextData,
) -> dict[str, Any]:
    """Write the student into `ctx.staging`; facts for the report. Raises DistillError."""
    torch.set_num_threads(ctx.threads)
    if ModelSpec.from_folder(teacher.path).is_encoder:
        from infopt_compiler.passes.distill.encoder.adapt import run_encoder

        held_out = {"heldout": heldout, "other": other}
        return run_encoder(settings, ctx, teacher.path, student, text, held_out, ctx.staging / WORK)
    return Run(settings, ctx, teacher.path, student, text).all(heldout, other)


@dataclass(frozen=True)
class Prepared:
    """What all trainings of a run share. `shared`: layers that training leaves out, given by the view. `own`: the text before
    the teacher wrote on it, where it does: that is the control's, which must see nothing of the teacher."""

    text: Windows
    own: Windows
    views: Views
    start: Path
    shared: int
    facts: dict[str, Any]


class Run:
    """One run of the pass; every stage finds what an interrupted run finished."""

    def __init__(
        self,
        settings: Distill,
        ctx: RunContext,
        teacher: Path,
        student: HFModel | QuantizedModel | None,
        texts: tuple[TextData, ...],
        processes: Processes | None = None,
    ) -> None:
        self.settings, self.ctx, self.teacher, self.student, self.texts = (
            settings,
            ctx,
            teacher,
            student,
            texts,
        )
        self.work = ctx.staging / WORK
        self.device = device_name()
        self.processes = processes or Processes()
        self.floats16 = settings.wants_bfloat16(multiplies_bfloat16(self.device))
        self.quantized = isinstance(student, QuantizedModel)
        self.seconds: dict[str, float] = {}

    def all(self, heldout: TextData, other: TextData) -> dict[str, Any]:
        before = shipped(self.ctx.staging, self.work)
        if before is not None:
            return {"distillation": before}
        self.work.mkdir(parents=True, exist_ok=True)
        if self.quantized and self.settings.spread:
            raise BadStudent("integers of a quantized student are trained whole", help="leave `spread` out")
        if self.student is not None:
            require_one_tokenizer(self.teacher, self.student.path)
        require_memory(self.teacher, self.student.path if self.student else None, self.settings, self.device)
        for name, data in (("heldout", heldout), ("other", other)):
            cut_text(self.teacher, data, name, 1)  # rather now than after hours of training
        prepared = self.timed("preparing", self.prepare)
        if self.settings.processes > 1:
            self.timed("training", self.train_apart)
        trained = {
            label: self.timed(label, partial(self.training, label, blend, prepared))
            for label, blend in self.blends().items()
        }
        models = {"untrained": prepared.start, CONTROL: self.work / CONTROL, DISTILLED: self.work / DISTILLED}
        windows = 2 if self.settings.preset is Preset.quick else WINDOWS
        quality = self.timed(
            "judging",
            lambda: judge(
                self.teacher, models, (heldout, other), self.ctx, quantized=self.quantized, windows=windows
            ),
        )
        speed = self.timed(
            "timing",
            lambda: compare_speed(self.teacher, models[DISTILLED], prepared.text.train_NS, self.quantized),
        )
        facts = self.facts(prepared, trained, quality, speed)
        ship(self.work / DISTILLED, self.ctx.staging, self.work, facts)
        return {"distillation": facts}

    def timed(self, label: str, make: Callable[[], Any]) -> Any:
        """Wall seconds of a stage, with those of interrupted runs; one that was killed had no time to tell."""
        file = self.work / "seconds.json"
        self.seconds = read_json(file) or {}
        started = time.monotonic()
        try:
            return make()
        finally:
            self.seconds[label] = self.seconds.get(label, 0.0) + time.monotonic() - started
            write_json(file, self.seconds)

    def train_apart(self) -> None:
        """In several processes, which leave what `training` then finds."""
        from infopt_compiler.passes.distill.ranks import train_in_processes

        train_in_processes(self.settings, self.ctx, self.teacher, self.student, self.texts)

    def blends(self) -> dict[str, Blend]:
        """What each student learns by: the same text, with the teacher and without."""
        s = self.settings
        distilled = Blend(s.objective, s.temperature, parse_quantity(s.hard).base, s.mix)
        return {DISTILLED: distilled, CONTROL: Blend(Objective.hard)}

    def prepare(self) -> Prepared:
        text = self.read()
        start, facts = self.make_student(text)
        teacher = load_decoder(self.teacher, self.device)
        student = load_quantized(start) if self.quantized else load_decoder(start, self.device)
        wanted, own = (model.get_output_embeddings().weight.shape[0] for model in (teacher, student))
        if wanted != own:
            raise BadStudent(f"the teacher has {wanted} words, the student {own}")
        shared = 0
        if self.settings.freeze is Freeze.shared and not self.quantized:
            shared = min(shared_layers(teacher, student), len(student.model.layers) - 1)
        del student
        if self.floats16:
            PlainWeights(teacher, len(teacher.model.layers), False, floats16=True)
        own = text
        text = self.written(text, teacher)
        return Prepared(text, own, self.look(teacher, text, shared), start, shared, facts)

    def look(self, teacher: Any, text: Windows, shared: int) -> Views:
        """What the teacher says of the text."""
        temperature = self.settings.temperature
        train = self.view(teacher, text.train_NS, "train", shared, temperature)
        validation = self.view(teacher, text.validation_NS, "validation", shared, temperature)
        plain = validation
        if temperature != 1.0:
            plain = self.view(teacher, text.validation_NS, "plain", 0, 1.0)
        return Views(train, validation, plain)

    def read(self) -> Windows:
        """The text in windows; `quick` takes what its steps need."""
        text = training_windows(self.teacher, self.texts)
        if self.settings.preset is Preset.full:
            return text
        most = QUICK_STEPS * self.settings.batch
        return Windows(text.train_NS[:most], text.validation_NS[:1])

    def make_student(self, text: Windows) -> tuple[Path, dict[str, Any]]:
        """The folder that training starts from, and what was kept of the teacher."""
        if self.student is not None:
            return self.student.path, {"made": "given"}
        start, kept = self.work / "start", self.work / "start.json"
        if read_json(kept) is None:
            shutil.rmtree(start, ignore_errors=True)
            shape = choose_shape(ModelSpec.from_folder(self.teacher), **self.settings.shape())
            quick = self.settings.preset is Preset.quick
            facts = prune_folder(
                self.teacher,
                shape,
                text.train_NS[:1] if quick else text.train_NS,
                start,
                self.ctx.progress,
                trials=trial_windows(text.train_NS, TRIALS // 8 if quick else TRIALS),
            )
            write_json(kept, {"made": "pruned", **asdict(shape), **facts})
        found: dict[str, Any] = read_json(kept)
        return start, found

    def written(self, text: Windows, teacher: Any) -> Windows:
        """With the share of windows that the teacher wrote, where the recipe asks for that."""
        if self.settings.source is not Source.teacher:
            return text
        share = parse_quantity(self.settings.share).base
        ids = continued(
            teacher, text.train_NS, share, self.work / "written.npy", self.ctx, floats16=self.floats16
        )
        return replace(text, train_NS=ids)

    def view(self, teacher: Any, ids: torch.Tensor, name: str, shared: int, temperature: float) -> View:
        def tell(done: int, count: int) -> None:
            self.ctx.progress(done, count, f"the teacher reads: window {done} of {count}")

        return teach(
            teacher,
            ids,
            self.work / "view" / name,
            top=self.settings.top,
            temperature=temperature,
            shared=shared,
            floats16=self.floats16,
            tell=tell,
            device=self.device,
        )

    def train_settings(self, text: Windows) -> TrainSettings:
        s = self.settings
        steps = max(1, round(s.token_count / (s.batch * text.train_NS.shape[1])))
        if s.preset is Preset.quick:
            steps = min(steps, QUICK_STEPS)
        return TrainSettings(
            steps=steps,
            batch=s.batch,
            micro=s.micro,
            learning_rate=s.learning_rate,
            warmup=parse_quantity(s.warmup).base,
            evaluate_every=s.evaluate,
            checkpoint_every=s.evaluate,
            patience=s.patience,
            seed=self.ctx.seed,
            floats16=self.floats16,
        )

    def training(self, label: str, blend: Blend, prepared: Prepared) -> dict[str, Any]:
        """Train one student and write its folder; the facts of it, also where an interrupted run had finished it."""
        done = self.work / f"{label}.json"
        found: dict[str, Any] | None = read_json(done)
        if found is not None:
            return found
        task, weights = self.task(label, blend, prepared)
        settings = self.train_settings(prepared.text)
        trained: Trained = train(
            task,
            settings,
            self.work / "training" / label,
            self.ctx.progress,
            label=label,
            log=open_log(self.work.parent.name) if self.processes.first else None,
            processes=self.processes,
        )
        facts = trained.facts(settings, task)
        if isinstance(weights, GridWeights):
            facts["integers_changed"] = weights.changed()
        changed = weights.whole()
        if not self.processes.first:
            return facts
        shutil.rmtree(self.work / label, ignore_errors=True)
        write_student(prepared.start, changed, self.work / label)
        write_json(done, facts)
        return facts

    def task(self, label: str, blend: Blend, prepared: Prepared) -> tuple[DecoderTask, Weights]:
        s = self.settings
        weights: Weights
        teacher = None
        if self.quantized:
            model = load_quantized(prepared.start).to(self.device)
            teacher = load_decoder(self.teacher, self.device)
            weights = GridWeights(model, prepared.start, teacher, head=s.tables, floats16=self.floats16)
            weights.weights_changed()
        else:
            model = load_decoder(prepared.start, self.device)
            weights = self.plain(model, prepared.shared)
        common: dict[str, Any] = {
            "first": prepared.shared,
            "floats16": self.floats16,
            "micro": s.micro,
            "device": self.device,
        }
        if s.source is Source.student and blend.soft:
            teacher = teacher or load_decoder(self.teacher, self.device)
            share = parse_quantity(s.share).base
            policy = OnPolicyTask(model, weights, prepared.text, prepared.views, blend, **common)
            policy.sample(teacher, share, s.top, self.ctx.seed)
            return policy, weights
        text, views = prepared.text, prepared.views
        if label == CONTROL and s.source is Source.teacher:
            text, views = prepared.own, views._replace(train=views.train.without_hidden())
        return DecoderTask(model, weights, text, views, blend, **common), weights

    def plain(self, model: Any, shared: int) -> Weights:
        """Of a student in floats: whole in every process, or spread over them."""
        if self.settings.spread and self.processes.count > 1:
            return SpreadWeights(model, shared, self.settings.tables, self.processes, floats16=self.floats16)
        return PlainWeights(model, shared, self.settings.tables, floats16=self.floats16)

    def facts(
        self, prepared: Prepared, trained: dict[str, Any], quality: dict[str, Any], speed: dict[str, Any]
    ) -> dict[str, Any]:
        teacher, student = ModelSpec.from_folder(self.teacher), ModelSpec.from_folder(prepared.start)
        tokens = prepared.text.train_NS.numel()
        return {
            "student": prepared.facts,
            "objective": self.settings.objective.value,
            "source": self.settings.source.value,
            "precision": "bfloat16" if self.floats16 else "float32",
            "device": self.device,
            "text_tokens": tokens,
            "layers_left_out": prepared.shared,
            "quantization_aware": self.quantized,
            "reduction": {
                "parameters": {"teacher": teacher.parameters, "student": student.parameters},
                "flops_per_token": {
                    "teacher": 2 * (teacher.linear_parameters + teacher.head_parameters),
                    "student": 2 * (student.linear_parameters + student.head_parameters),
                },
                **speed,
            },
            "training": trained,
            "quality": quality,
            "seconds": {
                name: round(max(value, trained.get(name, {}).get("seconds", 0.0)), 1)
                for name, value in self.seconds.items()
            },
        }


def trial_windows(ids_NS: torch.Tensor, count: int) -> torch.Tensor:
    """Beginnings of evenly spread windows. A student of many layers is found by hundreds of trials, each a forward."""
    at = torch.linspace(0, len(ids_NS) - 1, min(max(1, count), len(ids_NS))).round().long()
    return ids_NS[at, :TRIAL_TOKENS]
