"""Measures candidates on held-out text, and compares them in pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from infopt_compiler.artifacts import HFModel, TextData
from infopt_compiler.budget import Interval
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.text.estimate import (
    estimate_quality,
    estimate_quality_ratio,
    paired_bits_per_byte,
)
from infopt_compiler.measure.text.quality import QualityResult, score
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.select.choose import Gain

WINDOWS = 64  # at most so many of a candidate's windows are scored, evenly spread
_RESAMPLES = 2000


def measure(label: str, model: HFModel, on: TextData, progress: Callable[[float], None]) -> QualityResult:
    """Score one candidate; PassError (E0743) where it cannot be."""
    try:
        return score(
            model, on, WINDOWS, progress=lambda done, total, message: progress(done / max(1.0, total))
        )
    except DiagnosticError as failure:
        raise PassError(f"{label} cannot be measured: {failure}", code="E0743") from failure


def intervals(result: QualityResult, confidence: float, seed: int) -> dict[str, Interval]:
    """The metrics of quality, base units (`bits_per_byte` in nats)."""
    return {
        metric: estimate_quality(result, metric, None, confidence, resamples=_RESAMPLES, seed=seed)
        for metric in ("perplexity", "bits_per_byte")
    }


def same_tokens(first: QualityResult, second: QualityResult) -> bool:
    """Whether both were scored on the same windows token by token, as equal tokenizers are."""
    return [(w.start, w.tokens, w.bytes) for w in first.windows] == [
        (w.start, w.tokens, w.bytes) for w in second.windows
    ]


def gain(current: QualityResult, other: QualityResult, confidence: float, seed: int) -> Gain:
    """Relative gain in bits per byte of `other` over `current`, paired; `confidence` holds for each limit."""
    if same_tokens(current, other):
        pairs = zip(other.windows, current.windows, strict=True)
        merged = replace(other, windows=tuple(replace(w, reference_nll=c.nll) for w, c in pairs))
        ratio = estimate_quality_ratio(merged, "bits_per_byte", confidence, resamples=_RESAMPLES, seed=seed)
    else:
        ratio = paired_bits_per_byte(current, other, confidence, resamples=_RESAMPLES, seed=seed)
    value = 0.0 if ratio.value is None else 1 - ratio.value
    return Gain(value, 1 - ratio.high, 1 - ratio.low)


def one_tokenizer(results: Mapping[str, QualityResult]) -> bool:
    """Whether all results are of the same tokens, so that their perplexities compare."""
    first, *others = results.values()
    return all(same_tokens(first, other) for other in others)
