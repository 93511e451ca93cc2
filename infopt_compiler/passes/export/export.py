"""`export`: a model as an artifact that onnxruntime-genai serves, verified against what it was made from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from infopt_compiler.architectures import Ability, able
from infopt_compiler.artifacts import (
    Artifact,
    HFModel,
    ModelSpec,
    OnnxModel,
    OnnxStages,
    QuantizedModel,
    ShardedModel,
)
from infopt_compiler.passes.base import Estimate, Pass, PassError, Problem, RunContext, param
from infopt_compiler.passes.export.architectures import BUILDER_ARCHITECTURES
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.targets.model import Target


class Format(str, Enum):
    """What the artifact is."""

    onnx = "onnx"


@register_pass
@dataclass(kw_only=True)
class Export(Pass):
    """Export a float or quantized decoder to ONNX for onnxruntime-genai, or an encoder for onnxruntime.

    The integers of a quantized model are carried exactly (`MatMulNBits`, `GatherBlockQuantized`), at
    accuracy level 0. The pass fails unless the artifact loads, holds those integers, gives torch's logits
    to 1e-3, and its own tokenizer gives the source's ids, chat template and end tokens. An encoder has its pooling
    inside, gives torch's vectors to 1e-4 in floats, and computes in integers (int8 by int8) if it is quantized. A sharded
    model becomes a graph for each pipeline stage, for plain onnxruntime.
    """

    name: ClassVar[str] = "export"
    version: ClassVar[int] = 4
    inputs: ClassVar[dict[str, Any]] = {"model": HFModel | QuantizedModel | ShardedModel}
    output: ClassVar[type[Artifact]] = OnnxModel
    libraries: ClassVar[tuple[str, ...]] = ("onnxruntime-genai", "onnxruntime", "onnx", "transformers")

    format: Format = param(Format.onnx, "format of the artifact")

    def output_for(self, given: Mapping[str, type[Artifact]]) -> type[Artifact]:
        """A sharded model becomes stages."""
        return OnnxStages if issubclass(given.get("model", Artifact), ShardedModel) else OnnxModel

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        if model is None:
            return
        quantized = model.linear.bits < 16
        ability = Ability.export_quantized if quantized else Ability.export
        known = {name for family in able(ability) for name in family.classes}
        if not quantized:
            known.update(BUILDER_ARCHITECTURES)
        if model.architecture not in known:
            why = model.family.why_not(ability)
            message = f"export cannot write {'a quantized model' if quantized else 'a model'} of architecture {model.architecture}"
            yield Problem(
                f"{message}: {why}" if why else message,
                help=f"Known architectures: {', '.join(sorted(known))}.",
            )

    def transform(self, model: ModelSpec) -> ModelSpec:
        """The stages of a sharded model run one after the other in one process: no mesh any more."""
        return replace(model, mesh=None)

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Measured on SmolLM2-135M, two cores: imports, then building and verifying by size. Most memory is taken by
        torch with the weights in floats; a model in floats is held by the builder besides."""
        float_bytes = model.parameters * 4
        held = 0.0 if model.linear.bits < 16 else float(model.weight_bytes)
        if not model.family.generates:
            held = _verifying_bytes(model) + (2 * float_bytes if model.linear.bits < 16 else 0)
        return Estimate(
            seconds=8 + float_bytes / 85e6,
            peak_rss_bytes=650e6 + float_bytes + held,
            disk_bytes=model.weight_bytes + 2e6,
        )

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        source: Path = inputs["model"].path
        if not ModelSpec.from_folder(source).family.generates:
            return _run_encoder(ctx, source)
        if isinstance(inputs["model"], ShardedModel):
            from infopt_compiler.passes.export.sharded import export_stages

            return export_stages(ctx, source)
        from infopt_compiler.passes.export.build import build
        from infopt_compiler.passes.export.verify import verify

        ctx.progress(0, 5, "building")
        try:
            shutil.rmtree(ctx.staging, ignore_errors=True)  # a build is not resumed: it takes seconds
            ctx.staging.mkdir(parents=True)
            facts = build(source, ctx.staging, ctx.scratch, ctx.log)
        except OSError as failure:
            raise PassError(f"the artifact could not be written: {failure}", code="E0738") from failure
        facts.update(
            verify(
                ctx.staging,
                source,
                progress=lambda done, total, message: ctx.progress(done + 1, total + 1, message),
            )
        )
        return facts


def _verifying_bytes(model: ModelSpec, rows: int = 32, tokens: int = 256) -> float:
    """Activations of the largest batch that an encoder is compared with torch on (`encoder_verify.SHAPES`)."""
    return 4.0 * rows * tokens * (model.heads * tokens + 4 * model.hidden + 2 * model.intermediate)


def _run_encoder(ctx: RunContext, source: Path) -> dict[str, Any]:
    from infopt_compiler.passes.export.encoder import build_encoder
    from infopt_compiler.passes.export.encoder_verify import verify_encoder

    ctx.progress(0, 2, "building")
    ctx.staging.mkdir(parents=True, exist_ok=True)
    try:
        facts = build_encoder(source, ctx.staging)
    except OSError as failure:
        raise PassError(f"the artifact could not be written: {failure}", code="E0738") from failure
    ctx.progress(1, 2, "comparing with torch")
    return {**facts, **verify_encoder(ctx.staging, source)}
