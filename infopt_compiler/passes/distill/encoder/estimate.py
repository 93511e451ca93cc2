"""What distilling an encoder takes. Products are counted as for decoders, without a head; the control looks at each
sentence twice."""

from __future__ import annotations

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Estimate
from infopt_compiler.passes.distill.estimate import FLOPS, IMPORT_BYTES, IMPORT_SECONDS
from infopt_compiler.targets.model import Target

# Of the machine's measured float32 rate, bfloat16 products included; MiniLM, two cores. The rest of a step is norms,
# activations and softmaxes, which small matrices do not hide.
TEACHER_RATE, TRAIN_RATE = 0.75, 0.9
JUDGED_TOKENS = 2 * 512 * 32  # of both texts; four models in float32


def estimate_encoder(
    teacher: ModelSpec, student: ModelSpec, tokens: int, distinct: int, target: Target, *, states: bool
) -> Estimate:
    """`tokens` are trained on, `distinct` of them read by the teacher; `states`: what its last layer sees is kept."""
    rate = target.flops if target.here and target.flops else FLOPS
    forward, own = 2 * teacher.linear_parameters, 2 * student.linear_parameters
    last = forward / teacher.layers if states else 0.0
    seconds = IMPORT_SECONDS + distinct * forward / (rate * TEACHER_RATE)
    seconds += tokens * (3 * own + last + 2 * 3 * own) / (rate * TRAIN_RATE)
    seconds += JUDGED_TOKENS * (forward + 3 * own) / (rate * TEACHER_RATE)
    peak = IMPORT_BYTES + 4 * teacher.parameters + 8 * student.parameters + 12 * student.linear_parameters
    return Estimate(seconds, peak, 4.0 * student.parameters)
