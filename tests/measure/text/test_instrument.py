"""Texts beside each other, and how it is told."""

from __future__ import annotations

import numpy as np

from infopt_compiler.measure.text.instrument import Quality, domains
from infopt_compiler.measure.text.quality import QualityResult, WindowScore
from infopt_compiler.report.values import domains_text


def quality(on: str, kl: float, reference: str | None = "base", documents: int = 20) -> Quality:
    rng = np.random.default_rng(0)
    rows = []
    for k in range(documents):
        values = tuple(rng.gamma(2.0, kl / 2, 50))
        delta = tuple(rng.normal(0.0, kl / 10, 50))
        rows.append(
            WindowScore(f"d{k}", k, 50, 200, 100 + 50 * kl + rng.normal(), 100.0, values, 45, "text", delta)
        )
    return Quality(on, reference, QualityResult(tuple(rows)), {"resamples": 300, "seed": 0}, reused=False)  # fmt: skip


def test_the_worst_text_comes_first_and_words_say_whether_it_is_sure():
    rows = domains({q.label: q for q in (quality("prose", 0.05), quality("code", 0.2))}, 0.95)
    assert [row["on"] for row in rows] == ["code", "prose"]
    (told,) = domains_text({"domains": rows})
    assert told.startswith("`code` degrades more than `prose`") and told.endswith("do not overlap")
    near = domains({q.label: q for q in (quality("prose", 0.05), quality("code", 0.051))}, 0.95)
    assert domains_text({"domains": near})[0].endswith("intervals overlap")


def test_one_text_or_other_references_have_nothing_beside_them():
    assert domains({"a": quality("prose", 0.1)}, 0.95) == []
    apart = {q.label: q for q in (quality("prose", 0.1), quality("code", 0.1, reference="other"))}
    assert domains(apart, 0.95) == []


def test_tails_are_percentiles_over_tokens():
    found = quality("prose", 0.1).result
    tails, kl = found.tails(), sorted(found.kl_tokens())
    assert tails["kl"]["p100"] == float(f"{kl[-1]:.5g}")
    assert tails["kl"]["p50"] < tails["kl"]["p99"] < tails["kl"]["p99.9"]
    assert tails["delta_p"]["p1"] < 0 < tails["delta_p"]["p99"] and 0.008 < tails["delta_p"]["rms"] < 0.012
    assert QualityResult.from_json(found.to_json()).windows[0].delta_p[0] != 0
