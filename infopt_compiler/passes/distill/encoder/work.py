"""What a run of `distill` does to encoders, counted in sentences and steps. Sentences' lengths are not known before they are
read; docstrings and help topics have 31 tokens on average, and lengths are taken to be spread evenly up to twice that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.passes.distill.amounts import (
    APART_SENTENCES,
    APART_SHARE,
    DEPTH_TOKENS,
    FIT_TOKENS,
    JUDGED_SENTENCES,
    OBSERVED,
    OBSERVED_LENGTH,
    PIECE,
    QUICK_STEPS,
)
from infopt_compiler.passes.distill.parameters import DistillParameters

SENTENCE_TOKENS = 31.0
CUT_SHARE = 0.75  # of the window, where that is too short for most sentences


@dataclass(frozen=True)
class EncoderWork:
    """`sentences` of `mean` tokens are learnt on, `apart` more say when to stop, at `looks` of each training; on `tried` and
    `fitted` tokens a student is made, `judged` are the sentences of both texts."""

    texts: int
    mean: float
    sentences: int
    apart: int
    steps: int
    looks: int
    tried: int
    fitted: int
    judged: int

    @classmethod
    def of(cls, settings: DistillParameters, data: Mapping[str, tuple[DataSpec, ...]]) -> EncoderWork:
        texts = data.get("text", ())
        window = max((text.window for text in texts), default=DataSpec().window)
        mean = min(SENTENCE_TOKENS, CUT_SHARE * window)
        steps = max(1, round(settings.token_count / (settings.batch * mean)))
        known = bool(texts) and all(text.sample for text in texts)
        found = sum(text.sample for text in texts) if known else round(settings.token_count / mean)
        apart = found // max(APART_SHARE, -(-found // APART_SENTENCES))
        sentences = max(1, found - apart)
        if settings.is_quick:
            steps, apart = min(steps, QUICK_STEPS), min(apart, settings.batch)
            sentences = min(sentences, QUICK_STEPS * settings.batch)
        length = min(OBSERVED_LENGTH, window)
        observed = min(OBSERVED, sentences) * length
        held = [*data.get("heldout", (DataSpec(),)), *data.get("other", (DataSpec(),))]
        return cls(
            texts=len(texts) or 1,
            mean=mean,
            sentences=sentences,
            apart=apart,
            steps=steps,
            looks=1 + -(-steps // settings.eval_steps),
            tried=min(DEPTH_TOKENS, observed),
            fitted=min(FIT_TOKENS, observed),
            judged=sum(min(text.sample or JUDGED_SENTENCES, JUDGED_SENTENCES) for text in held),
        )

    def padded(self, sentences: int, most: int = PIECE) -> float:
        """Tokens of that many sentences, in pieces of `most` by length: of m pieces the n-th is as long as the n-th of m
        parts of all lengths, which makes (m + 1) / m of the mean."""
        pieces = -(-sentences // most)
        return sentences * self.mean * (pieces + 1) / pieces if sentences else 0.0
