"""The table of metrics holds together, and the design's names are in it."""

from __future__ import annotations

import pytest

from infopt_compiler.metrics import METRICS, Needs
from infopt_compiler.units import UNITS

NAMES = [
    "ttft",
    "prefill",
    "tpot",
    "itl",
    "decode",
    "latency",
    "throughput",
    "throughput.total",
    "load",
    "size",
    "memory.peak",
    "memory.steady",
    "bits_per_weight",
    "mbu",
    "perplexity",
    "bits_per_byte",
    "kl",
    "top1",
    "cost",
]


def test_the_names_of_the_design():
    assert set(NAMES) <= set(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric(metric):
    assert metric.doc and METRICS[metric.name] is metric
    assert any(unit.dimension is metric.dimension for unit in UNITS.values())
    assert metric.needs is Needs.data or not metric.reference
    assert len(set(metric.aggregates)) == len(metric.aggregates)


def test_no_metric_is_the_aggregate_of_another():
    for metric in METRICS.values():
        assert not {f"{metric.name}.{aggregate}" for aggregate in metric.aggregates} & set(METRICS)
