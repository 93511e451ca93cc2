"""Texts beside each other: on which of them an artifact strays further from its reference."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from infopt_compiler.budget import finite
from infopt_compiler.measure.text.instrument import Quality


def domains(quality: Mapping[str, Quality], confidence: float) -> list[dict[str, Any]]:
    """A row for each text with a reference: mean KL and the perplexity's ratio with their intervals, the worst text first
    among those of one reference; empty with fewer than two texts."""
    rows = [_row(found, confidence) for found in quality.values() if found.reference]
    rows.sort(key=lambda row: (row["reference"], -row["kl_mean"]["value"]))
    kept = (list(group) for _, group in groupby(rows, key=lambda row: row["reference"]))
    return [row for group in kept if len(group) > 1 for row in group]


def _row(found: Quality, confidence: float) -> dict[str, Any]:
    kl = found.interval("kl", "mean", confidence)
    ratio = found.ratio("perplexity", confidence)
    return {
        "on": found.on,
        "reference": found.reference,
        "tokens": found.result.tokens,
        "kl_mean": {"value": kl.value, "interval": finite(kl.low, kl.high)},
        "perplexity_ratio": {"value": ratio.value, "interval": finite(ratio.low, ratio.high)},
        "top1": found.result.top1,
    }
