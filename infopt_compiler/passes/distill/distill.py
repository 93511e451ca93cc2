"""The pass `distill`: its parameters, what is checked before it runs, and what it will take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar

from infopt_compiler.artifacts import Artifact, HFModel, ModelSpec, QuantizedModel, TextData
from infopt_compiler.artifacts.text import DataSpec
from infopt_compiler.passes.base import Estimate, Pass, Problem, RunContext, param
from infopt_compiler.passes.distill.encoder.estimate import estimate_encoder
from infopt_compiler.passes.distill.estimate import estimate_decoder
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.students.plan import Cut, choose_shape, shape_problems
from infopt_compiler.passes.registry import register_pass
from infopt_compiler.targets.model import Target
from infopt_compiler.units import Dimension, parse_quantity


class Source(str, Enum):
    """Whose words are trained on, beside the share that stays the text's."""

    text = "text"
    teacher = "teacher"  # what the teacher writes on from beginnings in the text (sequence level)
    student = "student"  # what the student itself writes on, anew in every step (on policy)


class Freeze(str, Enum):
    """What of the student is left as it is, besides head and embedding."""

    none = "none"
    shared = (
        "shared"  # the layers from the bottom that are the teacher's own; what they give is computed once
    )


class Precision(str, Enum):
    """Of the products; weights, optimizer and residual stream are float32 always."""

    auto = "auto"  # bfloat16 where the hardware multiplies it
    float32 = "float32"
    bfloat16 = "bfloat16"


_DECODERS_ONLY = (
    "objective", "temperature", "hard", "mix", "source", "share", "top", "freeze", "tables", "processes", "spread",
    "refit",
)  # fmt: skip
_ENCODERS_ONLY = ("states", "attention")


class Preset(str, Enum):
    """How much is done."""

    full = "full"
    quick = "quick"  # three steps on little text: shows that a recipe works, and nothing else


@register_pass
@dataclass(kw_only=True)
class Distill(Pass):
    """Train a smaller student to keep what the teacher does (Hinton, arXiv 1503.02531; GKD, arXiv 2306.13649).

    The student is a model of its own, a quantized one (its weights stay on its grid: quantization-aware), or made from the
    teacher: `layers`, `width` or a bound on its `size` say how much of it stays, measured importance says what. The
    teacher's likeliest words are computed once and kept on disk. A control, the same student trained on the same tokens
    without the teacher, is always trained, and both are judged on `heldout` and on `other`, a text of another kind.

    An encoder learns the teacher's vectors of sentences, with the states of their tokens and attention where asked for
    (TinyBERT, arXiv 1909.10351; MiniLM, arXiv 2002.10957). Its control learns by contrast (SimCSE, arXiv 2104.08821).
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

    layers: int | None = param(None, "Layers of a student made from the teacher.", minimum=1)
    size: str | None = param(
        None,
        "Most bytes of such a student's weights, as a share of the teacher's.",
        dimension=Dimension.fraction,
    )
    width: str | None = param(
        None,
        "Share of its heads (whole KV groups) and MLP channels that stays.",
        dimension=Dimension.fraction,
    )
    cut: Cut = param(Cut.depth, "What gives way to a bound on `size` alone.")
    objective: Objective = param(
        Objective.kl, "How far student and teacher are apart; `hard`: the text alone."
    )
    temperature: float = param(1.0, "Of both distributions.", minimum=0.05, maximum=20.0)
    hard: str = param("0%", "Weight of the text's own words in the loss.", dimension=Dimension.fraction)
    mix: float = param(0.5, "js: share of the teacher in the mixture.", minimum=0.01, maximum=0.99)
    source: Source = param(Source.text, "Whose words are trained on.")
    share: str = param(
        "50%", "Share of such words where they are not the text's.", dimension=Dimension.fraction
    )
    tokens: str = param(
        "200000 tokens", "Tokens to train on, all epochs together.", dimension=Dimension.tokens
    )
    batch: int = param(8, "Windows of a step.", minimum=1, maximum=65536)
    micro: int = param(4, "Windows of a forward pass: smaller takes less memory.", minimum=1, maximum=65536)
    learning_rate: float = param(5e-4, "Largest learning rate (AdamW).", minimum=0.0, maximum=1e6)
    warmup: str = param("10%", "Share of the steps in which the rate rises.", dimension=Dimension.fraction)
    evaluate: int = param(20, "Steps between two looks at the loss on windows kept apart.", minimum=1)
    patience: int = param(
        0, "Looks without a better loss before training stops; 0: it never does.", minimum=0
    )
    top: int = param(
        128, "The teacher's likeliest words that are kept for each token.", minimum=1, maximum=65536
    )
    freeze: Freeze = param(Freeze.none, "What of the student is left as it is.")
    tables: bool = param(False, "Train head and embedding, too.")
    refit: bool = param(
        False, "Quantized students: fit the integers to the teacher in closed form before training."
    )
    states: float = param(
        1.0, "Encoders: weight of the tokens' last states beside the text's vector.", minimum=0.0
    )
    attention: float = param(0.0, "Encoders: weight of the last layer's attention and values.", minimum=0.0)
    precision: Precision = param(Precision.auto, "Of the products.")
    preset: Preset = param(Preset.full, "`quick`: three steps on little text, to try a recipe.")
    processes: int = param(1, "Processes that share a step's windows (torchrun).", minimum=1, maximum=4096)
    spread: bool = param(False, "Spread weights, gradients and moments over the processes (FSDP2).")

    @classmethod
    def output_for(cls, given: Mapping[str, type[Artifact]]) -> type[Artifact]:
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
        if self.freeze is Freeze.shared and self.tables and (model is None or model.tied):
            message = "the head's table is the embedding's: what shared layers give changes with it"
            yield Problem(message, "tables", "leave out `tables` or `freeze`", code="E0750")
        if self.refit and (self.makes or (model is not None and model.linear.bits >= 16)):
            message = "`refit` chooses integers, and this student has none"
            yield Problem(
                message, "refit", "give a quantized model as `student`, or leave it out", code="E0750"
            )
        if model is not None and self.makes:
            yield from shape_problems(model, **self.shape())
        if self.batch % self.processes:
            message = f"{self.batch} windows cannot be shared by {self.processes} processes"
            yield Problem(message, "processes", code="E0750")
        yield from self._spread_problems()
        yield from self._of_the_other_kind(model)

    def _spread_problems(self) -> Iterator[Problem]:
        if not self.spread:
            return
        if self.processes == 1:
            yield Problem(
                "one process has nobody to spread weights to", "spread", "raise `processes`", code="E0750"
            )
        if self.source is Source.student:
            message = "what a process writes with its student has a length of its own, and all must read spread weights together"
            yield Problem(message, "spread", "leave `spread` out, or let the teacher write", code="E0750")

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

    def wants_bfloat16(self, hardware: bool) -> bool:
        """Whether products are made in bfloat16; `hardware`: the machine is faster at it."""
        return self.precision is Precision.bfloat16 or (self.precision is Precision.auto and hardware)

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

    @property
    def makes(self) -> bool:
        """The student is made from the teacher."""
        return not (self.layers is None and self.size is None and self.width is None)

    @property
    def token_count(self) -> int:
        return int(parse_quantity(self.tokens).base)

    @property
    def is_quick(self) -> bool:
        return self.preset is Preset.quick

    def shape(self) -> dict[str, Any]:
        shares = {
            name: None if text is None else parse_quantity(text).base
            for name, text in (("size", self.size), ("width", self.width))
        }
        return {"layers": self.layers, "cut": self.cut, **shares}

    def transform(self, model: ModelSpec) -> ModelSpec:
        if not self.makes:
            return model
        return choose_shape(model, **self.shape()).spec(model)

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

    def run(self, ctx: RunContext, **inputs: Any) -> dict[str, Any]:
        """Write the student; what an interrupted run left is gone on with."""
        from infopt_compiler.passes.distill.run import run_distill

        return run_distill(self, ctx, **inputs)
