"""Operations of making a student from its teacher: layers are tried, and what stays is fitted. No torch."""

from __future__ import annotations

from math import comb

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.amounts import ALL_SUBSETS, REFIT_SWEEPS, SCORED, SHORTLIST
from infopt_compiler.passes.distill.rates import layer_operations


def search_runs(layers: int, kept: int) -> tuple[int, float]:
    """Trials, and the layers that all of them run together (`depth.py`). A trial of a decoder or an encoder runs the layers
    behind the gap; gaps are taken to be in the middle after the first round."""
    if kept >= layers:
        return 0, 0.0
    alone = layers * (layers - 1) / 2
    if comb(layers, kept) <= ALL_SUBSETS:
        return layers + comb(layers, kept), layers + alone + comb(layers, kept) * kept
    trials, runs = layers, layers + alone + (layers - 1) / 2
    for left in range(layers - 1, kept, -1):
        tried = min(SHORTLIST, left)
        trials += tried
        runs += tried * (left - 1) / 2 + (left - 1) / 2
    return trials, runs


def prune_operations(
    teacher: ModelSpec, student: ModelSpec, *, tried: int, tried_length: int, fitted: int, length: int
) -> float:
    """All in float32, or with weights converted anew for each forward. `tried`, `fitted`: tokens that layers are tried on
    and fitted on, in windows of `tried_length` and `length`."""
    trials, runs = search_runs(teacher.layers, student.layers)
    search = tried * runs * layer_operations(teacher, tried_length) + trials * outcome(teacher, tried)
    return search + fit_operations(teacher, student, fitted, length)


def fit_operations(teacher: ModelSpec, student: ModelSpec, tokens: int, length: int) -> float:
    """Of `heal`: the student before, after and twice on the way (an encoder's norm stands behind its residual: three times),
    the teacher as reference and on the way; a least squares for every layer."""
    narrower = student.linear_shapes() != teacher.linear_shapes()
    of_teacher = (4 if narrower else 3) * teacher.layers * layer_operations(teacher, length)
    of_student = (4 if student.family.generates else 5) * student.layers * layer_operations(student, length)
    rows, columns = student.intermediate, student.hidden
    products = tokens * (2 * rows * rows + 4 * rows * columns)
    solving = 2 / 3 * rows**3 + 2 * rows * rows * columns
    return (
        tokens * (of_teacher + of_student)
        + 4 * outcome(teacher, tokens)
        + student.layers * (products + solving)
    )


def refit_operations(model: ModelSpec, tokens: int, length: int) -> float:
    """Of `refit`: both models once, for each linear what its inputs have in common, a least squares and sweeps over its columns."""
    walked = 2 * model.layers * layer_operations(model, length)
    fitted, d, wide = 0.0, model.hidden, model.intermediate
    products = 2 * tokens * (2 * 2 * d * d + 2 * d * d + wide * (wide + d))
    for rows, columns in model.linear_shapes().values():
        fitted += 2 / 3 * columns**3 + (4 + 2 * (REFIT_SWEEPS + 1)) * columns * columns * rows
    head = 2 * tokens * 2 * d * d + (4 + 2 * (REFIT_SWEEPS + 1)) * d * model.head_parameters
    return tokens * walked + model.layers * products + fitted + head


def outcome(model: ModelSpec, tokens: int) -> float:
    """What the model says of the tokens at which outcomes are compared."""
    return tokens / SCORED * 2 * model.head_parameters
