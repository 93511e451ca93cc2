"""What a student encoder is asked to match, each per text (B,): vector, states of tokens, attention; and plain text's own loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from infopt_compiler.passes.distill.encoder.model import Encoded

_CONTRAST_TEMPERATURE = 0.05  # SimCSE, arXiv 2104.08821, table D.1


@dataclass(frozen=True)
class Weights:
    """`vector`: of 1 − cosine; `hidden`: of the states' squared error; `attention`: of the two relations' KL.
    `contrast` alone needs no teacher: it is the control's."""

    vector: float = 1.0
    hidden: float = 0.0
    attention: float = 0.0
    contrast: float = 0.0

    @property
    def states(self) -> bool:
        """Whether the teacher's states of tokens are needed."""
        return self.hidden > 0 or self.attention > 0


def vector_loss(vector_BD: Tensor, target_BD: Tensor) -> Tensor:
    """1 − cosine: of vectors of length 1 half the squared error."""
    return 1 - torch.cosine_similarity(vector_BD, target_BD, dim=-1)


def hidden_loss(student: Encoded, teacher: Encoded) -> Tensor:
    """Squared error of the last states over the teacher's squares, mean over real tokens (as TinyBERT, arXiv 1909.10351,
    equation 8, without its projection: student and teacher are of one width)."""
    error_BS = (student.after - teacher.after).square().sum(-1)
    size_BS = teacher.after.square().sum(-1).clamp(min=1e-9)
    return _mean(error_BS / size_BS, student.real)


def attention_loss(student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], real_BS: Tensor) -> Tensor:
    """KL(teacher ‖ student) of attention and of the relation among values, of the last layer, mean over heads and real
    tokens (MiniLM, arXiv 2002.10957, equations 7 to 9)."""
    total = real_BS.new_zeros(len(real_BS), dtype=torch.float32)
    for own, target in zip(student, teacher, strict=True):
        kl_BHS = (target.exp() * (target - own)).sum(-1)
        total = total + _mean(kl_BHS.mean(1), real_BS)
    return total


def contrast_loss(one_BD: Tensor, other_BD: Tensor) -> Tensor:
    """Each text should be nearest to itself under another dropout: all that text without labels or a teacher says
    (unsupervised SimCSE, arXiv 2104.08821, equation 4)."""
    alike_BB = torch.cosine_similarity(one_BD[:, None], other_BD[None], dim=-1) / _CONTRAST_TEMPERATURE
    return torch.nn.functional.cross_entropy(
        alike_BB, torch.arange(len(one_BD), device=one_BD.device), reduction="none"
    )


def _mean(values_BS: Tensor, real_BS: Tensor) -> Tensor:
    weight = real_BS.to(values_BS.dtype)
    return (values_BS * weight).sum(-1) / weight.sum(-1)
