"""What distilling an encoder takes. Operations are counted as for decoders, without a head; the control looks at each
sentence twice, all of a piece of a step filled up to the longest of them."""

from __future__ import annotations

from collections.abc import Mapping

from infopt_compiler.artifacts import DataSpec, ModelSpec
from infopt_compiler.passes.base import Estimate
from infopt_compiler.passes.distill.amounts import OBSERVED_LENGTH
from infopt_compiler.passes.distill.device import multiplies_bfloat16
from infopt_compiler.passes.distill.encoder.work import EncoderWork
from infopt_compiler.passes.distill.estimate import SAVED_BYTES, START_SECONDS, STEP_BYTES, TEXT_SECONDS
from infopt_compiler.passes.distill.memory import LIBRARY_BYTES, making_bytes, saved_bytes
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.rates import DISK, Rates, forward_operations, layer_operations
from infopt_compiler.passes.distill.students.cost import prune_operations
from infopt_compiler.targets.model import Target

DROPOUT_SECONDS = 5e-9  # of a number: random numbers are drawn by one core
PAIRS = 3  # arrays of all pairs of sentences by the vector's numbers, alive at once


def estimate_encoder(
    settings: DistillParameters,
    teacher: ModelSpec,
    student: ModelSpec,
    data: Mapping[str, tuple[DataSpec, ...]],
    target: Target,
) -> Estimate:
    """Wall seconds, peak RSS and bytes on disk of one run."""
    work = EncoderWork.of(settings, data)
    seconds = encoder_seconds(settings, teacher, student, work, target)
    peak = _peak(settings, teacher, student, work)
    return Estimate(sum(seconds.values()), peak, 4.0 * student.parameters)


def encoder_seconds(
    settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: EncoderWork, target: Target
) -> dict[str, float]:
    """By stage."""
    rates = Rates.of(target, floats16=settings.wants_bfloat16(multiplies_bfloat16("cpu")))
    length = round(work.mean)
    whole, own = (forward_operations(model, length) for model in (teacher, student))
    made = 0.0
    if settings.makes:
        made = prune_operations(
            teacher, student, tried=work.tried, tried_length=OBSERVED_LENGTH, fitted=work.fitted,
            length=OBSERVED_LENGTH,
        )  # fmt: skip
    steps = work.steps * student.linear_parameters * STEP_BYTES / rates.memory
    steps += work.looks * student.linear_parameters * SAVED_BYTES / DISK
    return {
        "starting": START_SECONDS,
        "preparing": TEXT_SECONDS * work.texts + made / rates.float32,
        "reading": (work.sentences + work.apart) * work.mean * whole / rates.trained,
        "distilled": steps + _distilled(settings, teacher, own, work, rates),
        "control": steps + _control(settings, student, own, work, rates),
        "judging": work.judged * work.mean * (whole + 3 * own) / rates.float32,
    }


def _distilled(
    settings: DistillParameters, teacher: ModelSpec, own: float, work: EncoderWork, rates: Rates
) -> float:
    """The teacher's last layer is run again, in float32, where states are matched; attention is made anew by both."""
    learnt, looked = work.steps * _piece(settings, work), work.looks * work.padded(work.apart)
    last, relations = 0.0, 0.0
    if settings.states or settings.attention:
        last = layer_operations(teacher, round(work.mean))
    if settings.attention:
        relations = 6 * teacher.hidden**2 + 8 * work.mean * teacher.hidden
    seconds = (learnt * 3 * own + looked * 2 * own) / rates.trained
    return seconds + (learnt * (last + 4 * relations) + looked * (last + 2 * relations)) / rates.float32


def _control(
    settings: DistillParameters, student: ModelSpec, own: float, work: EncoderWork, rates: Rates
) -> float:
    """Two looks, each under its own dropout: behind attention and MLP, and of what each head sees of each token."""
    learnt = 2 * work.steps * _piece(settings, work)
    looked = 2 * work.looks * work.padded(work.apart)
    drawn = student.layers * (2 * student.hidden + student.heads * _piece(settings, work) / settings.batch)
    return (3 * learnt + looked) * own / rates.trained + (learnt + looked) * drawn * DROPOUT_SECONDS


def _piece(settings: DistillParameters, work: EncoderWork) -> float:
    """Tokens of a step: its pieces are cut again into such of like length."""
    micro_batch = min(settings.micro_batch, settings.batch)
    return settings.batch / micro_batch * work.padded(micro_batch)


def _peak(settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: EncoderWork) -> float:
    """Of making the student, or of the control. Views are mapped files, resident once they were written; what a step freed
    is still the process's when a look compares each sentence kept apart with each other."""
    floats16 = settings.wants_bfloat16(multiplies_bfloat16("cpu"))
    states = 2 * work.mean if settings.states or settings.attention else 0
    view = (work.sentences + work.apart) * teacher.hidden * (states + 4)
    micro_batch = min(settings.micro_batch, settings.batch)
    kept = 2 * work.padded(micro_batch) * student.layers * saved_bytes(student, floats16=floats16)
    look = 4 * PAIRS * work.apart**2 * student.hidden
    models = 4 * (teacher.parameters + student.parameters) + 12 * student.linear_parameters
    made = making_bytes(teacher, student, work.fitted, OBSERVED_LENGTH) if settings.makes else 0
    return LIBRARY_BYTES + max(view + models + kept + look, made)
