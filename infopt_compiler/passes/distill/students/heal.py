"""Closed-form healing: the student's MLP outputs are fitted to what the teacher has behind each gap, before any training.

Walking both models in step, the output linear of each student layer is solved by least squares so that the student's
residual stream comes as close as it can to the teacher's at the input of the next layer that stays; what was removed in
between is so folded into weights that exist. Related: ReplaceMe (arXiv 2505.02819) fits one square matrix for one gap. Here
every layer is fitted in turn, on the student's own activations, so that later layers make good what earlier ones left.
"""

from __future__ import annotations

import torch
from torch import Tensor

from infopt_compiler.passes.distill.students.blocks import Blocks
from infopt_compiler.passes.distill.students.depth import Progress

DAMP = 0.03  # ridge towards the old weights, as a share of the Gram matrix's mean diagonal
_LEAST = 1e-12


def heal(teacher: Blocks, student: Blocks, kept: tuple[int, ...], progress: Progress) -> list[float]:
    """Change the student's weights in place; for each layer the error that stays as a share of the one before."""
    weights_BS = teacher.token_weights()
    h_teacher, h_student = teacher.embedded(), student.embedded()
    left, at = [], 0
    for index in range(student.layers):
        progress(index, student.layers, f"fitting layer {index + 1} of {student.layers}")
        until = kept[index + 1] if index + 1 < len(kept) else teacher.layers
        while at < until:
            h_teacher = teacher.block(at, h_teacher)
            at += 1
        x_BSK, missing_BSD = student.shortfall(index, h_student, h_teacher)
        weight_BS = weights_BS / h_teacher.square().mean(-1).sqrt().clamp(min=_LEAST)
        left.append(_fit(student.output(index), x_BSK, missing_BSD, weight_BS))
        h_student = student.block(index, h_student)
    return left


def _fit(linear: torch.nn.Linear, x_BSK: Tensor, missing_BSD: Tensor, weight_BS: Tensor) -> float:
    """Add to the linear what maps `x` onto what is missing, each token's squares weighted: the norm that follows sees
    directions, so tokens of large states must not outweigh the others."""
    scale = weight_BS.flatten()[:, None]
    x_NK = x_BSK.flatten(0, 1) * scale
    missing_ND = missing_BSD.flatten(0, 1) * scale
    gram_KK = x_NK.T @ x_NK
    gram_KK.diagonal().add_(DAMP * gram_KK.diagonal().mean())
    change_KD = torch.linalg.solve(gram_KK, x_NK.T @ missing_ND)
    linear.weight.data += change_KD.T
    before = missing_ND.square().sum().clamp(min=_LEAST)
    return float((missing_ND - x_NK @ change_KD).square().sum() / before)
