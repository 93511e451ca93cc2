"""The parameters of `distill`, and what follows from them alone: every stage of the pass reads them, none needs the pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import param
from infopt_compiler.passes.distill.objective import Objective
from infopt_compiler.passes.distill.students.plan import Prune, choose_shape
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

    layers: int | None = param(None, "Layers of the student, if it is made from the teacher.", minimum=1)
    size: str | None = param(
        None,
        "Upper bound on the bytes of the weights of a student made from the teacher, as a share of the teacher's.",
        dimension=Dimension.fraction,
    )
    width: str | None = param(
        None,
        "Share of the teacher's attention heads (whole key/value groups) and MLP channels that the student keeps.",
        dimension=Dimension.fraction,
    )
    prune: Prune = param(
        Prune.depth,
        "What is pruned to reach `size` if neither `layers` nor `width` is given: layers, heads and channels, or both.",
        formerly=("cut",),
    )
    objective: Objective = param(
        Objective.kl,
        "The loss: forward KL, reverse KL or Jensen-Shannon divergence to the teacher's distribution; `hard`: cross-entropy on "
        "the text's tokens, no teacher.",
    )
    temperature: float = param(
        1.0, "Softmax temperature of teacher and student in the loss.", minimum=0.05, maximum=20.0
    )
    hard: str = param(
        "0%",
        "Weight of the cross-entropy on the text's own tokens (hard labels) in the loss.",
        dimension=Dimension.fraction,
    )
    mix: float = param(
        0.5,
        "`objective = js`: weight of the teacher in the mixture distribution (GKD's beta).",
        minimum=0.01,
        maximum=0.99,
    )
    source: Source = param(
        Source.text,
        "Where training sequences come from: the text, or continuations of it that teacher or student generate.",
    )
    share: str = param(
        "50%",
        "Share of training sequences that `source = teacher` or `student` generates; the others are text (GKD's lambda).",
        dimension=Dimension.fraction,
    )
    tokens: str = param(
        "200000 tokens", "Tokens to train on, all epochs together.", dimension=Dimension.tokens
    )
    batch: int = param(8, "Windows per optimizer step, over all processes.", minimum=1, maximum=65536)
    micro_batch: int = param(
        4,
        "Windows per forward and backward pass; gradients add up to `batch`. Smaller takes less memory.",
        minimum=1,
        maximum=65536,
        formerly=("micro",),
    )
    learning_rate: float = param(5e-4, "Peak learning rate of AdamW.", minimum=0.0, maximum=1e6)
    warmup: str = param(
        "10%",
        "Share of the steps in which the learning rate rises to its peak.",
        dimension=Dimension.fraction,
    )
    eval_steps: int = param(
        20,
        "Steps between two evaluations of the loss on validation windows, which are never trained on.",
        minimum=1,
        formerly=("evaluate",),
    )
    patience: int = param(
        0, "Early stopping: evaluations without a lower loss before training stops; 0: never.", minimum=0
    )
    top_k: int = param(
        128,
        "Teacher logits kept for each token: the k largest, and the probability mass of all others.",
        minimum=1,
        maximum=65536,
        formerly=("top",),
    )
    freeze: Freeze = param(
        Freeze.none,
        "`shared`: do not train the lowest layers that the student has from the teacher unchanged; their output is computed once.",
    )
    train_embeddings: bool = param(False, "Train the embedding and the head too.", formerly=("tables",))
    refit: bool = param(
        False,
        "Quantized students: before training, choose the integers again by least squares against the teacher's outputs.",
    )
    states: float = param(
        1.0,
        "Encoders: weight of the loss on the tokens' last hidden states, beside that on the sentence vector.",
        minimum=0.0,
    )
    attention: float = param(
        0.0,
        "Encoders: weight of the loss on attention and value relations of the last layer (MiniLM).",
        minimum=0.0,
    )
    precision: Precision = param(
        Precision.auto, "Data type of matrix products; `auto`: bfloat16 where the hardware is faster at it."
    )
    preset: Preset = param(Preset.full, "`quick`: three steps on little text, to try whether a recipe runs.")
    world_size: int = param(
        1,
        "Processes that share each step's windows (data parallel, started by torchrun).",
        minimum=1,
        maximum=4096,
        formerly=("processes",),
    )
    fsdp: bool = param(
        False,
        "Shard weights, gradients and optimizer states over the processes (PyTorch FSDP2).",
        formerly=("spread",),
    )

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
        return {"layers": self.layers, "prune": self.prune, **shares}

    def student_of(self, teacher: ModelSpec) -> ModelSpec:
        """The spec of a student that is made from this teacher."""
        return choose_shape(teacher, **self.shape()).spec(teacher)

    def wants_bfloat16(self, hardware: bool) -> bool:
        """Whether products are made in bfloat16; `hardware`: the machine is faster at it."""
        return self.precision is Precision.bfloat16 or (self.precision is Precision.auto and hardware)
