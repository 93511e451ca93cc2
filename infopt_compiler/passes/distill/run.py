"""Runs `distill`: student, teacher's view, control and distilled training, judgement, and the folder that ships."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from infopt_compiler.artifacts import HFModel, ModelSpec, QuantizedModel, TextData
from infopt_compiler.artifacts.durable import read_json, write_json
from infopt_compiler.passes.base import RunContext
from infopt_compiler.passes.distill.amounts import JUDGED_WINDOWS, QUICK_JUDGED
from infopt_compiler.passes.distill.data import require_one_tokenizer
from infopt_compiler.passes.distill.device import require_memory
from infopt_compiler.passes.distill.head import Blend
from infopt_compiler.passes.distill.judge import cut_text, judge
from infopt_compiler.passes.distill.kept_files import (
    CONTROL,
    DISTILLED,
    WORK,
    ship,
    shipped,
    training_folder,
)
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.prepare import Prepared, prepare
from infopt_compiler.passes.distill.qat_weights import QatWeights
from infopt_compiler.passes.distill.setup import Setup
from infopt_compiler.passes.distill.speed import compare_speed
from infopt_compiler.passes.distill.tasks import make_task, train_settings
from infopt_compiler.passes.distill.torchrun import train_in_processes
from infopt_compiler.passes.distill.tracking import open_log
from infopt_compiler.passes.distill.training.errors import BadStudent
from infopt_compiler.passes.distill.training.loop import Trained, train
from infopt_compiler.passes.distill.training.processes import Processes
from infopt_compiler.passes.distill.write import write_student
from infopt_compiler.units import parse_quantity


def run_distill(
    settings: DistillParameters,
    ctx: RunContext,
    teacher: HFModel,
    student: HFModel | QuantizedModel | None,
    text: tuple[TextData, ...],
    heldout: TextData,
    other: TextData,
) -> dict[str, Any]:
    """Write the student into `ctx.staging`; facts for the report. Raises DistillError."""
    torch.set_num_threads(ctx.threads)
    if not ModelSpec.from_folder(teacher.path).family.generates:
        from infopt_compiler.passes.distill.encoder.adapt import run_encoder

        held_out = {"heldout": heldout, "other": other}
        return run_encoder(settings, ctx, teacher.path, student, text, held_out, ctx.staging / WORK)
    return Run(settings, ctx, teacher.path, student, text).all(heldout, other)


class Run:
    """One run of the pass; every stage finds what an interrupted run finished."""

    def __init__(
        self,
        settings: DistillParameters,
        ctx: RunContext,
        teacher: Path,
        student: HFModel | QuantizedModel | None,
        texts: tuple[TextData, ...],
        processes: Processes | None = None,
    ) -> None:
        self.setup = Setup(settings, ctx, teacher, student, texts, processes or Processes())
        self.settings, self.ctx, self.teacher, self.work = settings, ctx, teacher, self.setup.work
        self.seconds: dict[str, float] = {}

    def all(self, heldout: TextData, other: TextData) -> dict[str, Any]:
        before = shipped(self.ctx.staging, self.work)
        if before is not None:
            return {"distillation": before}
        self.work.mkdir(parents=True, exist_ok=True)
        if self.setup.quantized and self.settings.fsdp:
            raise BadStudent("integers of a quantized student are trained whole", help="leave `fsdp` out")
        if self.setup.student is not None:
            require_one_tokenizer(self.teacher, self.setup.student.path)
        require_memory(
            self.teacher,
            self.setup.student.path if self.setup.student else None,
            self.settings,
            self.setup.device,
        )
        for name, data in (("heldout", heldout), ("other", other)):
            cut_text(self.teacher, data, name, 1)  # rather now than after hours of training
        prepared = self.timed("preparing", partial(prepare, self.setup))
        if self.settings.world_size > 1:
            self.timed("training", self.train_apart)
        trained = {
            label: self.timed(label, partial(self.training, label, blend, prepared))
            for label, blend in self.blends().items()
        }
        models = {"untrained": prepared.start, CONTROL: self.work / CONTROL, DISTILLED: self.work / DISTILLED}
        windows = QUICK_JUDGED if self.settings.is_quick else JUDGED_WINDOWS
        quality = self.timed(
            "judging",
            lambda: judge(
                self.teacher,
                models,
                (heldout, other),
                self.ctx,
                quantized=self.setup.quantized,
                windows=windows,
            ),
        )
        speed = self.timed(
            "timing",
            lambda: compare_speed(
                self.teacher, models[DISTILLED], prepared.text.train_NS, self.setup.quantized
            ),
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
        train_in_processes(self.settings, self.ctx, self.teacher, self.setup.student, self.setup.texts)

    def blends(self) -> dict[str, Blend]:
        """What each student learns by: the same text, with the teacher and without."""
        s = self.settings
        distilled = Blend(s.objective, s.temperature, parse_quantity(s.hard).base, s.mix)
        return {DISTILLED: distilled, CONTROL: Blend(Objective.hard)}

    def training(self, label: str, blend: Blend, prepared: Prepared) -> dict[str, Any]:
        """Train one student and write its folder; the facts of it, also where an interrupted run had finished it."""
        done = self.work / f"{label}.json"
        found: dict[str, Any] | None = read_json(done)
        if found is not None:
            return found
        task, weights = make_task(self.setup, label, blend, prepared)
        settings = train_settings(self.setup, prepared.text)
        trained: Trained = train(
            task,
            settings,
            training_folder(self.work, label),
            self.ctx.progress,
            label=label,
            log=open_log(self.work.parent.name) if self.setup.processes.first else None,
            processes=self.setup.processes,
        )
        facts = trained.facts(settings, task)
        if isinstance(weights, QatWeights):
            facts["integers_changed"] = weights.changed()
        changed = weights.whole()
        if not self.setup.processes.first:
            return facts
        shutil.rmtree(self.work / label, ignore_errors=True)
        write_student(prepared.start, changed, self.work / label)
        write_json(done, facts)
        return facts

    def facts(
        self, prepared: Prepared, trained: dict[str, Any], quality: dict[str, Any], speed: dict[str, Any]
    ) -> dict[str, Any]:
        teacher, student = ModelSpec.from_folder(self.teacher), ModelSpec.from_folder(prepared.start)
        tokens = prepared.text.train_NS.numel()
        return {
            "student": prepared.facts,
            "objective": self.settings.objective.value,
            "source": self.settings.source.value,
            "precision": "bfloat16" if self.setup.floats16 else "float32",
            "device": self.setup.device,
            "text_tokens": tokens,
            "layers_left_out": prepared.shared,
            "quantization_aware": self.setup.quantized,
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
