"""What a run of `distill` does to decoders, counted in windows and steps, from its parameters and its texts' settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.passes.distill.amounts import (
    APART_SHARE,
    APART_WINDOWS,
    FIT_TOKENS,
    JUDGED_WINDOWS,
    QUICK_JUDGED,
    QUICK_STEPS,
    TRIAL_TOKENS,
    TRIALS,
)
from infopt_compiler.passes.distill.parameters import DistillParameters


@dataclass(frozen=True)
class Work:
    """`windows` of `length` tokens are trained on, all of which the teacher reads; `apart` more say when to stop, at `looks`
    of each training. `tried`, `fitted`: tokens on which a student is made; `judged`: (windows, tokens of one) of each text."""

    texts: int
    length: int
    windows: int
    apart: int
    steps: int
    looks: int
    tried: int
    fitted: int
    judged: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, settings: DistillParameters, data: Mapping[str, tuple[DataSpec, ...]]) -> Work:
        texts = data.get("text", ())
        length = max((text.window for text in texts), default=DataSpec().window)
        steps = max(1, round(settings.token_count / (settings.batch * length)))
        windows, apart = _windows(texts, -(-settings.token_count // length))
        fits, trials, judged = FIT_TOKENS // length, TRIALS, JUDGED_WINDOWS
        if settings.is_quick:
            steps, windows, apart = min(steps, QUICK_STEPS), min(windows, QUICK_STEPS * settings.batch), 1
            fits, trials, judged = 1, TRIALS // 8, QUICK_JUDGED
        held = [*data.get("heldout", (DataSpec(),)), *data.get("other", (DataSpec(),))]
        return cls(
            texts=len(texts) or 1,
            length=length,
            windows=windows,
            apart=apart,
            steps=steps,
            looks=1 + -(-steps // settings.eval_steps),
            tried=max(1, min(trials, windows)) * min(TRIAL_TOKENS, length),
            fitted=max(1, min(fits, windows)) * length,
            judged=tuple((min(judged, text.sample or judged), text.window) for text in held),
        )

    @property
    def read(self) -> int:
        """Tokens that the teacher reads."""
        return (self.windows + self.apart) * self.length


def _windows(texts: tuple[DataSpec, ...], trained: int) -> tuple[int, int]:
    """To train on and apart: of the samples where all texts are sampled; else every window trained on is another one."""
    if not texts or not all(text.sample for text in texts):
        return trained, APART_WINDOWS
    apart = sum(min(APART_WINDOWS, -(-text.sample // APART_SHARE)) for text in texts)
    return max(1, sum(text.sample for text in texts) - apart), min(APART_WINDOWS, apart)
