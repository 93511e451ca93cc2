"""The most that a run of `distill` holds at once: the peak resident set of its largest process, stage by stage."""

from __future__ import annotations

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.amounts import COMPARED, REFIT_TOKENS, SCORED
from infopt_compiler.passes.distill.device import multiplies_bfloat16
from infopt_compiler.passes.distill.parameters import DistillParameters
from infopt_compiler.passes.distill.work import Work

LIBRARY_BYTES = 700e6
OUTCOMES = 5  # arrays of tokens by words alive while two outcomes are compared
READ_TOKENS = 4096  # that the teacher reads at once


def trained_weights(student: ModelSpec, *, tables: bool) -> int:
    """Norms are too few to count."""
    return student.linear_parameters + (student.head_parameters if tables else 0)


def peak_bytes(settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: Work) -> float:
    stages = [_reading(settings, teacher, work), _training(settings, teacher, student, work)]
    if settings.makes:
        stages.append(making_bytes(teacher, student, work.fitted, work.length))
    if settings.refit:  # integers as floats, where they began, and weights of both models
        fitted = min(REFIT_TOKENS, work.windows * work.length) * layer_numbers(teacher)
        stages.append(4.0 * (teacher.parameters + 3 * student.parameters + fitted))
    stages.append(4.0 * (teacher.parameters + 3 * student.parameters))  # judging
    return LIBRARY_BYTES + max(stages)


def making_bytes(teacher: ModelSpec, student: ModelSpec, tokens: int, length: int) -> float:
    """Both models, and what is larger: outcomes of some windows, or a layer's states and what it is fitted to."""
    words = teacher.vocabulary if teacher.family.generates else 0
    outcomes = OUTCOMES * min(tokens, COMPARED * length) / SCORED * words
    return 4 * (teacher.parameters + student.parameters + max(outcomes, layer_numbers(teacher) * tokens))


def layer_numbers(model: ModelSpec) -> int:
    """Of a token while a layer runs and is fitted."""
    return 4 * model.intermediate + 8 * model.hidden


def view_bytes(settings: DistillParameters, teacher: ModelSpec, work: Work) -> float:
    """Words and their log probabilities: mapped files, which count as resident once they were written."""
    each = 2 + (2 if teacher.vocabulary <= 1 << 16 else 4)
    return float(work.read * min(settings.top_k, teacher.vocabulary - 1) * each)


def _reading(settings: DistillParameters, teacher: ModelSpec, work: Work) -> float:
    tokens = max(READ_TOKENS, work.length)
    return 4 * (teacher.parameters + tokens * layer_numbers(teacher)) + view_bytes(settings, teacher, work)


def _training(settings: DistillParameters, teacher: ModelSpec, student: ModelSpec, work: Work) -> float:
    """What the backward needs of a piece of a step, beside weights, gradients, moments and the view."""
    floats16 = settings.wants_bfloat16(multiplies_bfloat16("cpu"))
    windows = max(1, min(settings.micro_batch, settings.batch // settings.world_size))
    kept = windows * work.length * student.layers * saved_bytes(student, floats16=floats16)
    teacher_too = 4 * teacher.parameters if settings.source.value == "student" else 0
    view = view_bytes(settings, teacher, work)
    return _weights(settings, student, floats16=floats16) + kept + teacher_too + view


def _weights(settings: DistillParameters, student: ModelSpec, *, floats16: bool) -> float:
    """Of a trained weight itself, its gradient and two moments; in bfloat16 also a copy and that one's gradient; on a grid
    also where in its cell it began. Only layers are spread."""
    grid = student.linear.bits < 16
    each = (20 if floats16 else 16) + (4 if grid else 0)
    moving = trained_weights(student, tables=settings.train_embeddings)
    still = student.parameters - moving + (student.head_parameters if grid else 0)
    layers = student.linear_parameters / (settings.world_size if settings.fsdp else 1)
    tables = moving - student.linear_parameters
    return each * (layers + tables) + (2 if floats16 else 4) * still


def saved_bytes(model: ModelSpec, *, floats16: bool) -> int:
    """Of a token in one layer, for the backward: norms and rotations in float32, the rest as the products are."""
    products = 9 * model.hidden // 2 + 4 * model.intermediate
    return 49 * model.hidden + (2 if floats16 else 4) * products
