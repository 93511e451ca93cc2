"""The pass `distill`: what is checked before it runs, and what it will take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from infopt_compiler.artifacts import Artifact, HFModel, ModelSpec, QuantizedModel, TextData
from infopt_compiler.artifacts.text import DataSpec
from infopt_compiler.passes.base import Estimate, Pass, Problem, RunContext
from infopt_compiler.passes.distill.encoder.estimate import estimate_encoder
from infopt_compiler.passes.distill.estimate import estimate_decoder
from infopt_compiler.passes.distill.kept_files import unfinished
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.parameters import DistillParameters, Freeze, Source
from infopt_compiler.passes.distill.students.plan import shape_problems
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.targets.model import Target
from infopt_compiler.units import parse_quantity

_DECODERS_ONLY = (
    "objective", "temperature", "hard", "mix", "source", "share", "top_k", "freeze", "train_embeddings", "world_size", "fsdp",
    "refit",
)  # fmt: skip
_ENCODERS_ONLY = ("states", "attention")


@register_pass
@dataclass(kw_only=True)
class Distill(DistillParameters, Pass):
    """Train a smaller student to keep what the teacher does (Hinton, arXiv 1503.02531; GKD, arXiv 2306.13649).

    The student is a model that you give, a quantized model (quantization-aware training with the straight-through
    estimator), or a pruned copy of the teacher: `layers`, `width` or a bound on `size` say how much stays, measured importance
    says which layers, heads and channels. The teacher's top-k logits are computed once and kept on disk. A control, the same
    student trained on the same tokens without the teacher, is always trained too, and both are judged on `heldout` and on
    `other`, a text of another domain.

    An encoder is trained towards the teacher's sentence vectors and, if asked for, its hidden states and attention (TinyBERT,
    arXiv 1909.10351; MiniLM, arXiv 2002.10957). Its control is trained contrastively (SimCSE, arXiv 2104.08821).
    """

    name: ClassVar[str] = "distill"
    version: ClassVar[int] = 3
    inputs: ClassVar[dict[str, Any]] = {
        "teacher": HFModel,
        "student": HFModel | QuantizedModel | None,
        "text": tuple[TextData, ...],
        "heldout": TextData,
        "other": TextData,
    }
    output: ClassVar[type[HFModel]] = HFModel
    shaped_by: ClassVar[str | None] = "student"
    only_measured: ClassVar[frozenset[str]] = frozenset({"heldout", "other"})
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors", "tokenizers")

    def output_for(self, given: Mapping[str, type[Artifact]]) -> type[Artifact]:
        """A quantized student stays one."""
        return QuantizedModel if given.get("student") is QuantizedModel else HFModel

    def check(self, model: ModelSpec | None) -> Iterator[Problem]:
        """`model` is the student's spec where one is given, else the teacher's."""
        shares = {"hard": self.hard, "warmup": self.warmup, "share": self.share}
        for name, text in shares.items():
            if not 0 <= parse_quantity(text).base <= 1:
                yield Problem(f"`{name}` lies between 0% and 100%", name, code="E0750")
        if self.token_count < 1:
            yield Problem("`tokens` must be positive", "tokens", code="E0750")
        if self.source is Source.student and self.freeze is Freeze.shared:
            message = "what the student writes has no layers' outputs computed before"
            yield Problem(message, "freeze", "write `freeze = none`", code="E0750")
        if self.source is Source.student and self.objective is Objective.hard:
            message = "what the student writes is judged by the teacher, and `hard` asks no teacher"
            yield Problem(
                message, "objective", "choose another `objective`, or let the teacher write", code="E0750"
            )
        if self.freeze is Freeze.shared and self.train_embeddings and (model is None or model.tied):
            message = "the head's table is the embedding's: what shared layers give changes with it"
            yield Problem(
                message, "train_embeddings", "leave out `train_embeddings` or `freeze`", code="E0750"
            )
        if self.refit and (self.makes or (model is not None and model.linear.bits >= 16)):
            message = "`refit` chooses integers, and this student has none"
            yield Problem(
                message, "refit", "give a quantized model as `student`, or leave it out", code="E0750"
            )
        if model is not None and self.makes:
            yield from shape_problems(model, **self.shape())
        if self.batch % self.world_size:
            message = f"{self.batch} windows cannot be shared by {self.world_size} processes"
            yield Problem(message, "world_size", code="E0750")
        yield from self._fsdp_problems()
        yield from self._of_the_other_kind(model)

    def _fsdp_problems(self) -> Iterator[Problem]:
        if not self.fsdp:
            return
        if self.world_size == 1:
            yield Problem(
                "one process has no other to shard weights with", "fsdp", "raise `world_size`", code="E0750"
            )
        if self.source is Source.student:
            message = "each process generates with its own student for its own number of steps, and FSDP needs all of them at every step"
            yield Problem(message, "fsdp", "leave `fsdp` out, or let the teacher write", code="E0750")

    def _of_the_other_kind(self, model: ModelSpec | None) -> Iterator[Problem]:
        """Parameters that mean nothing for an encoder, or for a decoder."""
        if model is None:
            return
        kind, names = (
            ("a decoder", _ENCODERS_ONLY) if model.family.generates else ("an encoder", _DECODERS_ONLY)
        )
        for field in fields(self):
            if field.name in names and getattr(self, field.name) != field.default:
                message = f"`{field.name}` says nothing of {kind}"
                yield Problem(message, field.name, "leave it out", code="E0750")

    def check_inputs(self, given: Mapping[str, int]) -> Iterator[Problem]:
        """Either a student is given, or what one made from the teacher is like."""
        if given.get("student") and self.makes:
            message = (
                "`student` is a model already: `layers`, `size` and `width` are of one made from the teacher"
            )
            yield Problem(message, "student", code="E0750")
        if not given.get("student") and not self.makes:
            hint = "give `layers`, `size`, `width`, or `student`, a model"
            yield Problem("nothing says how small the student is", help=hint, code="E0750")

    def transform(self, model: ModelSpec) -> ModelSpec:
        if not self.makes:
            return model
        return self.student_of(model)

    def estimate(self, model: ModelSpec, target: Target) -> Estimate:
        """Without the texts' settings: every token is taken to be another one."""
        return self.estimate_inputs({"teacher": model, "student": model}, {}, target)

    def estimate_inputs(
        self, specs: Mapping[str, ModelSpec], data: Mapping[str, tuple[DataSpec, ...]], target: Target
    ) -> Estimate:
        teacher = specs.get("teacher") or specs["student"]
        student = self.transform(specs.get("student", teacher))
        estimate = estimate_decoder if teacher.family.generates else estimate_encoder
        return estimate(self, teacher, student, data, target)

    def resumes_at(self, staging: Path, inputs: Mapping[str, Any]) -> str | None:
        """At the last checkpoint."""
        return unfinished(staging)

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        """Write the student; what an interrupted run left is gone on with."""
        from infopt_compiler.passes.distill.run import run_distill

        return run_distill(self, ctx, **inputs)
