"""What distilling a decoder takes, stage by stage: operations and bytes that the code makes, over the machine's rates.

A trained weight costs a multiply-add forward and two backward, so 6 operations a token; the head's, through which gradients
only pass, cost 4 (J. Kaplan et al., arXiv 2001.08361, section 2.1). Steps of the optimizer are bound by memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from infopt_compiler.artifacts import DataSpec, ModelSpec
from infopt_compiler.passes.base import Estimate
from infopt_compiler.passes.distill.amounts import (
    BEGINNING,
    CHUNK_TOKENS,
    REFIT_TOKENS,
    TIMED,
    TRIAL_TOKENS,
    WRITTEN_AT_ONCE,
)
from infopt_compiler.passes.distill.device import multiplies_bfloat16
from infopt_compiler.passes.distill.memory import peak_bytes, trained_weights
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.rates import DISK, Rates, forward_operations, layer_operations
from infopt_compiler.passes.distill.students.cost import prune_operations, refit_operations
from infopt_compiler.passes.distill.work import Work
from infopt_compiler.passes.quantize.estimate import disk_bytes
from infopt_compiler.targets.model import Target
from infopt_compiler.units import parse_quantity

START_SECONDS = 4.0  # the libraries
TEXT_SECONDS = (
    5.0  # a text is cut into tokens, all of it, however few windows are drawn; its size is not known here
)
STEP_BYTES = (
    52.0  # of a trained weight in a step: gradients collected and clipped, AdamW, the copy for products
)
GRID_BYTES = 110.0  # besides, where it is an integer: made anew from what moves, and the gradient of that
SAVED_BYTES = 16.0  # of a trained weight at a look: itself twice, two moments
HEAD_BYTES = (
    12.0  # of a weight of the head, where it is trained, for each chunk of tokens: its gradient is added up
)
LAYER_SECONDS = 1.1e-3  # of a layer that writes one word: what Python and dispatch take


def estimate_decoder(
    settings: DistillParameters,
    teacher: ModelSpec,
    student: ModelSpec,
    data: Mapping[str, tuple[DataSpec, ...]],
    target: Target,
) -> Estimate:
    """Wall seconds, peak RSS and bytes on disk of one run."""
    work = Work.of(settings, data)
    seconds = decoder_seconds(settings, teacher, student, work, target)
    peak = peak_bytes(settings, teacher, student, work)
    written = 4.0 * student.parameters if student.linear.bits >= 16 else disk_bytes(teacher, student)
    return Estimate(sum(seconds.values()), peak, written)


def decoder_seconds(
    settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: Work, target: Target
) -> dict[str, float]:
    """By stage, as the facts of a run name them; `starting` is what comes before the first."""
    rates = Rates.of(target, floats16=settings.wants_bfloat16(multiplies_bfloat16("cpu")))
    training = _training(settings, student, work, rates)
    seconds = {
        "starting": START_SECONDS,
        "preparing": _preparing(settings, teacher, student, work, rates),
        "distilled": training + _on_policy(settings, teacher, student, work, rates),
        "control": training,
        "judging": _judging(teacher, student, work, rates),
        "timing": _timing(teacher, student, work, rates),
    }
    if settings.world_size > 1:  # torchrun and its processes start, and each reads the text
        seconds["processes"] = 2 * START_SECONDS + TEXT_SECONDS * work.texts
    return seconds


def _preparing(
    settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: Work, rates: Rates
) -> float:
    seconds = TEXT_SECONDS * work.texts
    if settings.makes:
        tried_length = min(TRIAL_TOKENS, work.length)
        seconds += (
            prune_operations(
                teacher, student, tried=work.tried, tried_length=tried_length, fitted=work.fitted,
                length=work.length,
            )
            / rates.float32
        )  # fmt: skip
    if settings.refit:
        fitted = min(REFIT_TOKENS, work.windows * work.length)
        seconds += refit_operations(student, fitted, work.length) / rates.float32
    if settings.source.value == "teacher":
        written = max(1, round(parse_quantity(settings.share).base * work.windows))
        seconds += -(-written // WRITTEN_AT_ONCE) * _writing(teacher, work.length, WRITTEN_AT_ONCE, rates)
    again = 2 if settings.temperature != 1.0 else 1  # of the windows apart, which are looked at plainly, too
    read = work.read + (again - 1) * work.apart * work.length
    return seconds + read * forward_operations(teacher, work.length) / rates.trained


def _training(settings: DistillParameters, student: ModelSpec, work: Work, rates: Rates) -> float:
    """One training: products, steps of the weights, checkpoints, sums. Processes of one machine share its cores, so products
    take as long as in one; looks and whole weights each of them has for itself."""
    layers, head = student.layers * layer_operations(student, work.length), 2 * student.head_parameters
    tokens = work.steps * settings.batch * work.length
    operations = tokens * (3 * layers + (3 if settings.train_embeddings else 2) * head)
    operations += settings.world_size * work.looks * work.apart * work.length * (layers + 3 * head)
    moving = trained_weights(student, tables=settings.train_embeddings)
    copies = 1 if settings.fsdp else settings.world_size
    seconds = operations / rates.trained + copies * work.steps * _step_bytes(student, moving) / rates.memory
    if settings.train_embeddings:
        seconds += tokens / CHUNK_TOKENS * HEAD_BYTES * student.head_parameters / rates.memory
    seconds += work.looks * moving * SAVED_BYTES / DISK
    return seconds + work.steps * rates.link.all_reduce(settings.world_size, 4 * moving)


def _step_bytes(student: ModelSpec, moving: float) -> float:
    return moving * (STEP_BYTES + (GRID_BYTES if student.linear.bits < 16 else 0))


def _on_policy(
    settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: Work, rates: Rates
) -> float:
    """The student writes a share of each piece of a step, and the teacher, whose weights are in float32, reads it."""
    if settings.source.value != "student":
        return 0.0
    windows = parse_quantity(settings.share).base * settings.batch
    pieces = min(windows, settings.batch / min(settings.micro_batch, settings.batch))
    writing = pieces * _writing(student, work.length, windows / pieces, rates) if pieces else 0.0
    read = windows * work.length * forward_operations(teacher, work.length) / rates.float32
    return work.steps * (writing + read)


def _writing(model: ModelSpec, length: int, windows: float, rates: Rates) -> float:
    """Words of some windows at once: a forward each, that reads all weights and dispatches every layer."""
    weights = model.linear_parameters + model.head_parameters
    word = 2 * weights / rates.memory + windows * forward_operations(model, length) / rates.float32
    word += model.layers * LAYER_SECONDS
    return (length - length // BEGINNING) * word


def _judging(teacher: ModelSpec, student: ModelSpec, work: Work, rates: Rates) -> float:
    """Teacher and three students in float32, over the whole vocabulary."""
    operations = sum(
        windows * length * (forward_operations(teacher, length) + 3 * forward_operations(student, length))
        for windows, length in work.judged
    )
    return operations / rates.float32


def _timing(teacher: ModelSpec, student: ModelSpec, work: Work, rates: Rates) -> float:
    forwards = forward_operations(teacher, work.length) + forward_operations(student, work.length)
    return TIMED * work.length * forwards / rates.float32
