from __future__ import annotations

import math
import random

import pytest

from infopt_compiler.measure.text.estimate import (
    estimate_quality,
    estimate_quality_ratio,
    paired_bits_per_byte,
)
from infopt_compiler.measure.text.quality import QualityResult, WindowScore


def made(seed: int, documents: int = 12, windows: int = 4, gain: float = 0.05) -> QualityResult:
    """Documents differ much in NLL; the model is worse than its reference by `gain` nats a token everywhere."""
    rng, rows = random.Random(seed), []
    for document in range(documents):
        level = rng.gauss(3, 0.5)
        for k in range(windows):
            base = 50 * (level + rng.gauss(0, 0.1))
            kl = tuple(abs(rng.gauss(0.05, 0.02)) for _ in range(50))
            own = base + 50 * rng.gauss(gain, 0.02)
            rows.append(WindowScore(f"d{document}", k, 50, 200, own, base, kl, rng.randrange(40, 50), "text"))
    return QualityResult(tuple(rows))


def quality(result: QualityResult, metric: str, aggregate: str | None = None):
    return estimate_quality(result, metric, aggregate, 0.95, resamples=800, seed=0)


def test_values_are_the_direct_ones() -> None:
    result = made(0)
    tokens = list(result.kl_tokens())
    assert quality(result, "perplexity").value == pytest.approx(result.perplexity)
    assert quality(result, "kl", "mean").value == pytest.approx(sum(tokens) / len(tokens))
    assert quality(result, "kl", "p50").value == sorted(tokens)[math.ceil(0.5 * len(tokens)) - 1]
    assert quality(result, "kl", "max").value == max(tokens)
    assert quality(result, "top1").value == pytest.approx(result.top1)
    assert quality(result, "bits_per_byte").value == pytest.approx(result.bits_per_byte * math.log(2))


def test_pairing_narrows_the_ratio() -> None:
    result = made(0)
    alone, ratio = (
        quality(result, "perplexity"),
        estimate_quality_ratio(result, "perplexity", 0.95, resamples=800, seed=0),
    )
    assert alone.value and ratio.value == pytest.approx(math.exp(0.05), rel=0.01)
    assert (alone.high - alone.low) / alone.value > 5 * (ratio.high - ratio.low)


def test_ratio_limits_hold_as_often_as_they_say() -> None:
    rounds, truth = 150, math.exp(0.05)
    found = [
        estimate_quality_ratio(made(s), "perplexity", 0.95, resamples=400, seed=s) for s in range(rounds)
    ]
    assert sum(interval.high >= truth for interval in found) / rounds >= 0.90
    assert sum(interval.low <= truth for interval in found) / rounds >= 0.90


def test_few_documents_are_told() -> None:
    found = quality(made(0, documents=2), "perplexity")
    assert "few documents" in (found.note or "")
    assert found.blocks == 8


def test_one_window_bounds_nothing() -> None:
    found = quality(made(0, documents=1, windows=1), "kl", "mean")
    assert found.high == math.inf


def test_p99_needs_tokens() -> None:
    found = quality(made(0, documents=1, windows=2), "kl", "p99")
    assert found.value is None
    assert "needs" in (found.note or "")


def test_the_same_seed_gives_the_same_interval() -> None:
    assert quality(made(0), "kl", "mean") == quality(made(0), "kl", "mean")


def test_models_of_different_tokenizers_pair_by_document() -> None:
    result = made(0)
    longer = QualityResult(tuple(w for w in result.windows if w.start != 3))
    found = paired_bits_per_byte(result, longer, 0.95)
    assert found.value == pytest.approx(1.0, rel=0.05)
    assert found.low < 1 < found.high


def test_results_survive_json() -> None:
    result = made(0)
    again = QualityResult.from_json(result.to_json())
    assert again.perplexity == result.perplexity
    assert again.kl_mean == pytest.approx(result.kl_mean, rel=1e-5)


def test_the_worst_windows_come_first() -> None:
    worst = made(0).worst(3)
    assert [row["kl_mean"] for row in worst] == sorted((row["kl_mean"] for row in worst), reverse=True)


def test_models_whose_windows_share_no_document_are_not_compared() -> None:
    rows = made(0).windows
    first, second = (QualityResult(rows[:8]), QualityResult(rows[-8:]))
    found = paired_bits_per_byte(first, second, 0.95)
    assert found.value is None
    assert "no document" in (found.note or "")


def test_limits_beyond_floats_are_infinite() -> None:
    rows = tuple(WindowScore(f"d{k}", 0, 1, 1, nll, None, (), 0, "") for k, nll in enumerate((1.0, 400.0)))
    assert quality(QualityResult(rows), "perplexity").high == math.inf
