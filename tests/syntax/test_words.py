"""What people call metrics elsewhere: every word of the table leads to a metric that there is."""

from __future__ import annotations

import pytest

from infopt_compiler.metrics import METRICS
from infopt_compiler.syntax.words import AGGREGATES, SYNONYMS, find_metric, suggest_metric

WORDS = [(word, name) for name, words in SYNONYMS.items() for word in words]


@pytest.mark.parametrize(("word", "name"), WORDS)
@pytest.mark.parametrize("join", ["_", "-", ""])
def test_a_word_of_the_table(word, name, join):
    meant = find_metric(join.join(word.split()))
    assert meant is not None
    if meant not in METRICS:
        base, _, aggregate = meant.rpartition(".")
        assert aggregate in METRICS[base].aggregates
        meant = base
    assert meant == name


def test_no_word_stands_for_two_metrics():
    words = [word for word, _ in WORDS]
    assert len(set(words)) == len(words)
    assert set(SYNONYMS) <= set(METRICS)
    known = {aggregate for metric in METRICS.values() for aggregate in metric.aggregates}
    assert set(AGGREGATES) <= known


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ttft_p95", "ttft.p95"),
        ("ttft-p95", "ttft.p95"),
        ("TTFT.p95", "ttft.p95"),
        ("ttftP95", "ttft.p95"),
        ("p95_latency", "latency.p95"),
        ("latency_p99", "latency.p99"),
        ("p99.ttft", "ttft.p99"),
        ("avg_latency", "latency.mean"),
        ("median_tpot", "tpot.p50"),
        ("max_ttft", "ttft.max"),
        ("ttft_ms", "ttft.p95"),
        ("size_mb", "size"),
        ("peak_memory_gb", "memory.peak"),
        ("time_to_first_token", "ttft.p95"),
        ("timeToFirstToken", "ttft.p95"),
        ("kl_max", "kl.max"),
        ("throughput.p50", "throughput"),
        ("gpt", None),
        ("p95", None),
        ("", None),
    ],
)
def test_how_a_name_is_read(written, meant):
    assert find_metric(written) == meant


def test_a_typo_is_none_of_these():
    assert suggest_metric("througput") == "did you mean `throughput`?"
    assert "`perplexity`" in suggest_metric("nothing_like_it")
