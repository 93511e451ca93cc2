"""What distilling takes, from shapes and tokens: products at the machine's rate, and bytes that are alive at once.

A trained weight costs a multiply-add forward and two backward, so 6 operations a token; one that gradients only pass
through costs 4, one of the teacher's 2 (J. Kaplan et al., arXiv 2001.08361, section 2.1). The rates below one were
measured on two cores with bfloat16 products.
"""

from __future__ import annotations

from dataclasses import dataclass

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.base import Estimate
from infopt_compiler.targets.model import Target

FLOPS = 125e9  # of two cores, where the machine is not known
IMPORT_SECONDS, IMPORT_BYTES = 12.0, 700e6
TEACHER_RATE, TRAIN_RATE = 1.2, 1.2  # of the machine's measured float32 rate: bfloat16 is faster than that
EVALUATION_TOKENS = 8 * 512 * 2  # of both texts; four models in float32
PRUNE_TOKENS = 768


@dataclass(frozen=True)
class Work:
    """`tokens` are trained on, twice (student and control); the teacher sees `distinct` of them; `top` words each."""

    tokens: int
    distinct: int
    top: int


def estimate_cost(
    teacher: ModelSpec, student: ModelSpec, work: Work, target: Target, *, tables: bool, made: bool
) -> Estimate:
    """Wall seconds, peak RSS and bytes on disk of one run."""
    rate = target.flops if target.here and target.flops else FLOPS
    forward = 2 * (teacher.linear_parameters + teacher.head_parameters)
    own = student.linear_parameters + student.head_parameters
    head = 6 if tables else 4
    training = 6 * student.linear_parameters + head * student.head_parameters
    seconds = IMPORT_SECONDS + work.distinct * forward / (rate * TEACHER_RATE)
    seconds += 2 * work.tokens * training / (rate * TRAIN_RATE)
    seconds += EVALUATION_TOKENS * (forward + 3 * 2 * own) / rate
    if made:
        trials = teacher.layers + 12 * max(0, teacher.layers - student.layers)
        seconds += PRUNE_TOKENS * trials * forward / 2 / rate
    moving = student.linear_parameters + (student.head_parameters if tables else 0)
    peak = IMPORT_BYTES + 4 * student.parameters + 14 * moving + 4 * teacher.parameters
    disk = 4.0 * student.parameters
    return Estimate(seconds, peak, disk)
