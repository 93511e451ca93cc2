"""Text that a model writes: the teacher's, once before training (sequence level), or the student's own, in every step.

Sequence level: Y. Kim, A. Rush, arXiv 1606.07947. On policy: GKD, arXiv 2306.13649. Beginnings come from the text (or
from prompts, which are text as well); words are drawn from the model's distribution at temperature 1.
"""

from __future__ import annotations

from dataclasses import replace
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infopt_compiler.passes.base import RunContext

from .amounts import BEGINNING, WRITTEN_AT_ONCE
from .decoder import head_weight, over_divisor, rows
from .decoder_task import DecoderTask
from .head import head_loss
from .teacher import look


def write_on(model: Any, ids_BS: Tensor, generator: torch.Generator, *, floats16: bool) -> Tensor:
    """(B, S): the first quarter of each window as it is, the rest drawn word by word."""
    from transformers import DynamicCache

    length = ids_BS.shape[1]
    first = max(1, length // BEGINNING)
    written, cache = [ids_BS[:, :first]], DynamicCache()
    step = ids_BS[:, :first]
    kind = ids_BS.device.type
    with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=floats16):
        for _ in range(length - first):
            h = model.base_model(
                inputs_embeds=rows(model, step), past_key_values=cache, use_cache=True
            ).last_hidden_state
            weight = head_weight(model)
            probabilities = (
                (over_divisor(model, h[:, -1]).to(weight.dtype) @ weight.T).float().softmax(-1).cpu()
            )
            step = torch.multinomial(probabilities, 1, generator=generator).to(ids_BS.device)
            written.append(step)
    return torch.cat(written, dim=1)


def continued(
    teacher: Any, ids_NS: Tensor, share: float, file: Path, ctx: RunContext, *, floats16: bool
) -> Tensor:
    """The windows, an evenly spread share of them written on by the teacher. Kept in `file` for a restart."""
    if file.is_file():
        return torch.from_numpy(np.load(file))
    count = len(ids_NS)
    chosen = torch.linspace(0, count - 1, max(1, round(share * count))).round().long().unique()
    generator = torch.Generator().manual_seed(ctx.seed)
    device = next(teacher.parameters()).device
    found = ids_NS.clone()
    for at in range(0, len(chosen), WRITTEN_AT_ONCE):
        ctx.progress(at, len(chosen), f"the teacher writes: window {at} of {len(chosen)}")
        rows = chosen[at : at + WRITTEN_AT_ONCE]
        found[rows] = write_on(teacher, ids_NS[rows].to(device), generator, floats16=floats16).cpu()
    partial = file.with_suffix(".partial.npy")
    np.save(partial, found.numpy())
    partial.replace(file)
    return found


class OnPolicyTask(DecoderTask):
    """A share of each step's windows is written by the student as it is then, and the teacher reads that."""

    def sample(self, teacher: Any, share: float, top: int, seed: int) -> None:
        """`teacher` stays in memory; what is drawn follows from the seed, the step, the windows and the weights."""
        self.teacher, self.share, self.top, self.seed = teacher, share, top, seed

    def writes(self, item: int, step: int) -> bool:
        """Whether the student writes this window in this step: so for the share of all, however few are looked at at once."""
        return floor((item + step + 1) * self.share) > floor((item + step) * self.share)

    def loss(self, items: list[int], step: int) -> tuple[Tensor, int]:
        own = [item for item in items if self.writes(item, step)]
        rest = [item for item in items if not self.writes(item, step)]
        total, _ = super().loss(rest, step) if rest else (torch.zeros(()), 0)
        if own:
            total = total + self._own(own, step)
        return total, self.count(items)

    def _own(self, items: list[int], step: int) -> Tensor:
        """The divergence alone: a student's own words are no text that it should be held to."""
        place = (self.seed * 1_000_003 + step) * 1_000_003 + items[0]
        generator = torch.Generator().manual_seed(place % (1 << 63))
        blend = replace(self.blend, hard=0.0)
        ids_BS = write_on(self.model, self.train_NS[items].to(self.device), generator, floats16=self.floats16)
        soft = look(self.teacher, ids_BS, self.top, self.blend.temperature, floats16=self.floats16)
        h_ND, weight, targets = self.hidden(ids_BS)
        with self.autocast():
            return head_loss(h_ND, weight, targets, soft, blend)
