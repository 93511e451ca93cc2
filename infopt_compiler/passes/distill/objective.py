"""What a student is asked to match, over a compact distribution: the teacher's k likeliest words and all others as one.

With k words and their rest, p and q have k + 1 entries. Merging words cannot raise a divergence (data processing
inequality), so what is minimised here is a lower bound of the divergence over the vocabulary; held-out values in the
report are over the whole vocabulary.

Legend of suffixes: N tokens, K the teacher's k words, B = K + 1 with the rest behind them, V vocabulary, D hidden.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Objective(str, Enum):
    """How far two distributions are apart. `kl` is KL(teacher ‖ student); `hard` is the text itself, no teacher."""

    kl = "kl"
    reverse = "reverse"  # KL(student ‖ teacher): MiniLLM, arXiv 2306.08543
    js = "js"  # GKD's generalised Jensen-Shannon divergence, arXiv 2306.13649, equation 1
    hard = "hard"


def divergence(objective: Objective, log_p_NB: Tensor, log_q_NB: Tensor, mix: float) -> Tensor:
    """(N,) nats. `mix` is GKD's beta: the share of the teacher in the mixture that `js` compares both with."""
    import torch

    p, q = log_p_NB.exp(), log_q_NB.exp()
    if objective is Objective.kl:
        return (p * (log_p_NB - log_q_NB)).sum(-1)
    if objective is Objective.reverse:
        return (q * (log_q_NB - log_p_NB)).sum(-1)
    log_m = torch.logaddexp(log_p_NB + math.log(mix), log_q_NB + math.log1p(-mix))
    to_teacher = (p * (log_p_NB - log_m)).sum(-1)
    to_student = (q * (log_q_NB - log_m)).sum(-1)
    return mix * to_teacher + (1 - mix) * to_student
