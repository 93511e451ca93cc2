"""What a training of decoders is made of: settings, weights and the task of the loop."""

from __future__ import annotations

from typing import Any

from infopt_compiler.passes.distill.amounts import QUICK_STEPS
from infopt_compiler.passes.distill.data import Windows
from infopt_compiler.passes.distill.decoder import load_decoder
from infopt_compiler.passes.distill.decoder_task import DecoderTask
from infopt_compiler.passes.distill.fsdp_weights import FsdpWeights
from infopt_compiler.passes.distill.generate import OnPolicyTask
from infopt_compiler.passes.distill.head import Blend
from infopt_compiler.passes.distill.kept_files import CONTROL
from infopt_compiler.passes.distill.parameters import Source
from infopt_compiler.passes.distill.prepare import Prepared
from infopt_compiler.passes.distill.qat_weights import QatWeights, load_quantized
from infopt_compiler.passes.distill.setup import Setup
from infopt_compiler.passes.distill.training.settings import TrainSettings
from infopt_compiler.passes.distill.weights import PlainWeights, Weights
from infopt_compiler.units import parse_quantity


def train_settings(setup: Setup, text: Windows) -> TrainSettings:
    s = setup.settings
    steps = max(1, round(s.token_count / (s.batch * text.train_NS.shape[1])))
    if s.is_quick:
        steps = min(steps, QUICK_STEPS)
    return TrainSettings(
        steps=steps,
        batch=s.batch,
        micro_batch=s.micro_batch,
        learning_rate=s.learning_rate,
        warmup=parse_quantity(s.warmup).base,
        evaluate_every=s.eval_steps,
        checkpoint_every=s.eval_steps,
        patience=s.patience,
        seed=setup.ctx.seed,
        floats16=setup.floats16,
    )


def make_task(setup: Setup, label: str, blend: Blend, prepared: Prepared) -> tuple[DecoderTask, Weights]:
    s = setup.settings
    weights: Weights
    teacher = None
    if setup.quantized:
        model = load_quantized(prepared.start).to(setup.device)
        teacher = load_decoder(setup.teacher, setup.device)
        weights = QatWeights(model, prepared.start, teacher, head=s.train_embeddings, floats16=setup.floats16)
        weights.weights_changed()
    else:
        model = load_decoder(prepared.start, setup.device)
        weights = plain(setup, model, prepared.shared)
    common: dict[str, Any] = {
        "first": prepared.shared,
        "floats16": setup.floats16,
        "micro_batch": s.micro_batch,
        "device": setup.device,
    }
    if s.source is Source.student and blend.soft:
        teacher = teacher or load_decoder(setup.teacher, setup.device)
        share = parse_quantity(s.share).base
        policy = OnPolicyTask(model, weights, prepared.text, prepared.views, blend, **common)
        policy.sample(teacher, share, s.top_k, setup.ctx.seed)
        return policy, weights
    text, views = prepared.text, prepared.views
    if label == CONTROL and s.source is Source.teacher:
        text, views = prepared.own, views._replace(train=views.train.without_hidden())
    return DecoderTask(model, weights, text, views, blend, **common), weights


def plain(setup: Setup, model: Any, shared: int) -> Weights:
    """Of a student in floats: whole in every process, or spread over them."""
    if setup.settings.fsdp and setup.processes.count > 1:
        return FsdpWeights(
            model, shared, setup.settings.train_embeddings, setup.processes, floats16=setup.floats16
        )
    return PlainWeights(model, shared, setup.settings.train_embeddings, floats16=setup.floats16)
