"""Greedy generation on a rank: a padded batch in microbatches through the stages, a cache for each, tokens sent back.

A batch has one length for all stages: shorter prompts are padded on the left, so that all end in the same column, and the
padding is masked. Prefill gives each of a sequence group a chunk of the columns; keys and values stay where they were made,
and each new token's go to the ranks in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .attention import Cache, Positions
from .decoder import Feed, Stage
from .groups import Groups
from .logits import LogitFiles

Told = Callable[[int, Sequence[int]], None]  # (first row, a token for each row of a microbatch)
LOGIT_POSITIONS = 16  # whose logits are held at once


@dataclass(frozen=True)
class Request:
    """A batch of prompts, how many tokens for each, and the tokens that end one. `logits`: folder to write logits into."""

    prompts: tuple[tuple[int, ...], ...]
    tokens: int
    stop: tuple[int, ...] = ()
    logits: Path | None = None
    microbatches: int = 0  # 0: as many as there are stages
    reserve: int = 0  # columns that the cache has room for, if more than are needed

    def __post_init__(self) -> None:
        empty = [row for row, prompt in enumerate(self.prompts) if not prompt]
        if empty or not self.prompts:
            raise ValueError(f"prompt {empty[0]} has no tokens" if empty else "there are no prompts")


@dataclass
class Microbatch:
    """Rows `first` to `last` - 1 of the batch, their cache, and what was generated."""

    first: int
    last: int
    lengths: tuple[int, ...]
    valid_BC: Tensor
    cache: Cache
    tokens_B: Tensor | None = None
    done: list[bool] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.last - self.first


class Generation:
    """One request on one rank."""

    def __init__(
        self, stage: Stage, hidden: int, dtype: torch.dtype, device: torch.device, request: Request
    ) -> None:
        self._stage, self._groups, self._request = stage, stage.groups, request
        self._hidden, self._dtype, self._device = hidden, dtype, device
        parts = self._groups.mesh.sequence
        self._chunk = -(-max(map(len, request.prompts)) // parts)  # columns of a rank in prefill
        self._width = self._chunk * parts
        self._logits = (
            LogitFiles(request.logits, request.prompts) if request.logits and self._groups.last else None
        )
        self._batches = [self._microbatch(first, last) for first, last in rows_of(self._groups, request)]

    def run(self, told: Told) -> None:
        """`told` gets every token, on every rank of a replica, by microbatch and step."""
        for batch in self._batches:
            self._prefill(batch)
        running = list(self._batches)
        for step in range(self._request.tokens):
            running = [batch for batch in running if self._step(batch, step, told)]
            if not running:
                break
        self._groups.finish_sends()

    def _step(self, batch: Microbatch, step: int, told: Told) -> bool:
        """Token number `step` of a microbatch is here; unless that ends it, the next one is begun."""
        tokens_B = batch.tokens_B if self._groups.last else self._groups.receive_tokens(batch.size)
        assert tokens_B is not None
        chosen = tokens_B.tolist()
        told(batch.first, chosen)
        batch.done = [
            ended or token in self._request.stop for ended, token in zip(batch.done, chosen, strict=True)
        ]
        if step == self._request.tokens - 1 or all(batch.done):
            return False
        self._decode(batch, step, tokens_B)
        return True

    def _prefill(self, batch: Microbatch) -> None:
        first = self._groups.at.sequence * self._chunk
        column_T = torch.arange(first, first + self._chunk, device=self._device)
        pad_B = self._width - torch.tensor(batch.lengths, device=self._device)
        position_BT = (column_T[None] - pad_B[:, None]).clamp_min(0)
        feed = Feed(Positions(column_T, position_BT, batch.valid_BC), prefill=True)
        x = self._enter(batch, self._prompt_ids(batch, column_T), self._chunk)
        x = self._stage.forward(x, feed, batch.cache)
        if self._groups.last and self._logits is not None:
            self._write_logits(batch, x, [int(column) for column in column_T])
        self._leave(batch, x)

    def _decode(self, batch: Microbatch, step: int, tokens_B: Tensor) -> None:
        column = self._width + step
        position_BT = torch.tensor(batch.lengths, device=self._device)[:, None] + step
        positions = Positions(torch.tensor([column], device=self._device), position_BT, batch.valid_BC)
        kept = step % self._groups.mesh.sequence == self._groups.at.sequence
        x = self._enter(batch, tokens_B[:, None], 1)
        x = self._stage.forward(x, Feed(positions, prefill=False, kept=kept), batch.cache)
        if self._groups.last and self._logits is not None:
            self._write_logits(batch, x, [column])
        self._leave(batch, x, broadcast=False)

    def _enter(self, batch: Microbatch, ids_BT: Tensor, count: int) -> Tensor:
        """Hidden states as they come into the stage."""
        if self._groups.first:
            return self._stage.embed(ids_BT)
        return self._groups.receive_hidden((batch.size, count, self._hidden), self._dtype)

    def _leave(self, batch: Microbatch, x_BTE: Tensor, *, broadcast: bool = True) -> None:
        """On to the next stage, or into the next token, which all stages are told."""
        if not self._groups.last:
            self._groups.send_on(x_BTE)
            return
        tokens_B = torch.zeros(batch.size, dtype=torch.int64, device=self._device)
        parts = self._groups.mesh.sequence
        if not broadcast or self._groups.at.sequence == parts - 1:
            tokens_B = self._stage.best(self._stage.logits(x_BTE[:, -1]))
        batch.tokens_B = self._groups.from_last_chunk(tokens_B) if broadcast else tokens_B
        self._groups.send_tokens(batch.tokens_B)

    def _prompt_ids(self, batch: Microbatch, column_T: Tensor) -> Tensor:
        prompts = self._request.prompts[batch.first : batch.last]
        padded = [[0] * (self._width - len(prompt)) + list(prompt) for prompt in prompts]
        return torch.tensor(padded, device=self._device)[:, column_T]

    def _write_logits(self, batch: Microbatch, x_BTE: Tensor, columns: list[int]) -> None:
        """In decode all of a sequence group have the same: its first rank writes."""
        assert self._logits is not None
        writes = self._groups.at.tensor == 0 and (
            len(columns) > 1 or self._chunk == 1 or self._groups.at.sequence == 0
        )
        step = max(1, LOGIT_POSITIONS // batch.size)
        for start in range(0, len(columns), step):
            part = self._stage.logits(x_BTE[:, start : start + step])
            whole_BTV = self._stage.whole_logits(part)
            if not writes:
                continue
            for offset, column in enumerate(columns[start : start + step]):
                for row, length in enumerate(batch.lengths):
                    if (position := column - self._width + length) >= 0:
                        self._logits.write(batch.first + row, position, whole_BTV[row, offset])

    def _microbatch(self, first: int, last: int) -> Microbatch:
        lengths = tuple(len(prompt) for prompt in self._request.prompts[first:last])
        columns = torch.arange(self._width + self._request.tokens, device=self._device)
        pad_B = self._width - torch.tensor(lengths, device=self._device)
        parts = self._groups.mesh.sequence
        slots = max(self._chunk + -(-self._request.tokens // parts), -(-self._request.reserve // parts))
        cache = self._stage.cache(last - first, slots, self._dtype)
        return Microbatch(
            first, last, lengths, columns[None] >= pad_B[:, None], cache, done=[False] * (last - first)
        )


def rows_of(groups: Groups, request: Request) -> list[tuple[int, int]]:
    """First and last + 1 row of each microbatch of this rank's replica."""
    count, data = len(request.prompts), groups.mesh.data
    first, last = (count * k // data for k in (groups.at.data, groups.at.data + 1))
    parts = min(last - first, request.microbatches or groups.mesh.pipeline)
    return [
        (first + (last - first) * k // parts, first + (last - first) * (k + 1) // parts) for k in range(parts)
    ]
