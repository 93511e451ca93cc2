"""The parameters of `distill`, and what follows from them alone: every stage of the pass reads them, none needs the pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import param
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.students.plan import Cut, choose_shape
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


class Preset(str, Enum):
    """How much is done."""

    full = "full"
    quick = "quick"  # three steps on little text: shows that a recipe works, and nothing else


@dataclass(kw_only=True)
class DistillParameters:
    """What a recipe says of a distillation."""

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

    def student_of(self, teacher: ModelSpec) -> ModelSpec:
        """The spec of a student that is made from this teacher."""
        return choose_shape(teacher, **self.shape()).spec(teacher)

    def wants_bfloat16(self, hardware: bool) -> bool:
        """Whether products are made in bfloat16; `hardware`: the machine is faster at it."""
        return self.precision is Precision.bfloat16 or (self.precision is Precision.auto and hardware)
