"""The pass `distill` where the teacher is an encoder: its parameters as the plan of a run, and the facts of the report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch

from infopt_compiler.artifacts import Artifact, ModelSpec, TextData
from infopt_compiler.passes.base import RunContext
from infopt_compiler.passes.distill.amounts import QUICK_STEPS
from infopt_compiler.passes.distill.data import require_one_tokenizer
from infopt_compiler.passes.distill.device import multiplies_bfloat16, require_memory
from infopt_compiler.passes.distill.encoder.losses import Weights
from infopt_compiler.passes.distill.encoder.model import Encoder
from infopt_compiler.passes.distill.encoder.run import EncoderPlan, distill_encoder
from infopt_compiler.passes.distill.encoder.sentences import training_sentences
from infopt_compiler.passes.distill.kept_files import DISTILLED, ship, shipped
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.students.plan import choose_shape
from infopt_compiler.passes.distill.tracking import open_log
from infopt_compiler.passes.distill.training.settings import TrainSettings
from infopt_compiler.units import parse_quantity

_ROUNDS, _TOKENS = 9, 64  # of the comparison of speed: forwards of one text


def run_encoder(
    settings: DistillParameters,
    ctx: RunContext,
    teacher: Path,
    student: Artifact | None,
    texts: tuple[TextData, ...],
    held_out: Mapping[str, TextData],
    work: Path,
) -> dict[str, Any]:
    """Write the student into `ctx.staging`; facts. `work` (inside it) holds what a killed run left, and goes at the end."""
    before = shipped(ctx.staging, work)
    if before is not None:
        return {"distillation": before}
    work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    given = student.path if student is not None else None
    if given is not None:
        require_one_tokenizer(teacher, given)
    require_memory(teacher, given, settings)
    floats16 = settings.wants_bfloat16(multiplies_bfloat16("cpu"))
    sentences = training_sentences(teacher, texts)
    if settings.is_quick:
        sentences = sentences[0].first(QUICK_STEPS * settings.batch), sentences[1].first(settings.batch)
    tokens = sentences[0].tokens / len(sentences[0])
    shape = choose_shape(ModelSpec.from_folder(teacher), **settings.shape()) if settings.makes else None
    plan = EncoderPlan(
        shape,
        _training(settings, tokens, ctx.seed, floats16),
        Weights(1.0, settings.states, settings.attention),
    )
    made = distill_encoder(
        teacher, given, sentences, dict(held_out), plan, work / DISTILLED, work, ctx.progress,
        log=open_log(ctx.staging.name),
    )  # fmt: skip
    facts = {
        "kind": "encoder",
        **made,
        "precision": "bfloat16" if floats16 else "float32",
        "device": "cpu",
        "reduction": _reduction(teacher, work / DISTILLED),
        "seconds": {"this_run": round(time.monotonic() - started, 1)},
    }
    ship(work / DISTILLED, ctx.staging, work, facts)
    return {"distillation": facts}


def _training(settings: DistillParameters, tokens: float, seed: int, floats16: bool) -> TrainSettings:
    """`tokens`: of a sentence on average."""
    steps = max(1, round(settings.token_count / (settings.batch * tokens)))
    return TrainSettings(
        steps=min(steps, QUICK_STEPS) if settings.is_quick else steps,
        batch=settings.batch,
        micro_batch=settings.micro_batch,
        learning_rate=settings.learning_rate,
        warmup=parse_quantity(settings.warmup).base,
        weight_decay=0.01,
        beta2=0.98,
        evaluate_every=settings.eval_steps,
        checkpoint_every=settings.eval_steps,
        patience=settings.patience,
        seed=seed,
        floats16=floats16,
    )


def _reduction(teacher: Path, student: Path) -> dict[str, Any]:
    """Parameters, operations of a token, and forwards of one text of 64 tokens in float32, in turn."""
    specs = {"teacher": ModelSpec.from_folder(teacher), "student": ModelSpec.from_folder(student)}
    models = {"teacher": Encoder(teacher), "student": Encoder(student)}
    ids_BS = torch.arange(_TOKENS).unsqueeze(0) % (specs["teacher"].vocabulary - 1) + 1
    taken: dict[str, list[float]] = {name: [] for name in models}
    with torch.inference_mode():
        for _ in range(_ROUNDS + 1):
            for name, model in models.items():
                started = time.perf_counter()
                model.encode(ids_BS)
                taken[name].append(time.perf_counter() - started)
    seconds = {name: median(values[1:]) for name, values in taken.items()}
    return {
        "parameters": {name: spec.parameters for name, spec in specs.items()},
        "flops_per_token": {name: 2 * spec.linear_parameters for name, spec in specs.items()},
        "forward_seconds": seconds,
        "faster": seconds["teacher"] / seconds["student"],
    }
