"""The constants that ship, against the published tables: mean error, and the order of the degrees."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import pytest

from benchmarks.parallel import halves, ranking
from benchmarks.parallel_fit import fit
from benchmarks.parallel_published import tables
from infopt_compiler.targets.efficiency import NVLINK, PCIE

TABLES = tables()


def test_every_row_is_there():
    assert [len(rows) for rows in TABLES.values()] == [44, 40, 39]


@pytest.mark.parametrize(
    ("table", "shares"), [("Llama-3.3-70B on B200", NVLINK), ("Llama-3.3-70B on RTX PRO 6000", PCIE)]
)
def test_the_constants_that_ship_are_within_15_percent(table, shares):
    rows = TABLES[table]
    predicted = [row.predict(shares) for row in rows]
    assert mean(abs(p / row.measured - 1) for p, row in zip(predicted, rows, strict=True)) < 0.15
    right, pairs, first, lengths = ranking(rows, predicted, per_device=False)
    assert right == pairs and first == lengths


def test_halves_share_no_lengths():
    own, others = halves(TABLES["Llama-3.3-70B on B200"], 0)
    assert {row.lengths for row in own}.isdisjoint(row.lengths for row in others)
    assert len(own) + len(others) == 44


def test_the_fit_finds_constants_that_made_the_figures():
    rows = TABLES["Llama-3.3-70B on B200"][::4]
    truth = replace(NVLINK, flops=0.3, token_seconds=2e-5)
    measured = [row.predict(truth) for row in rows]
    found = fit(
        lambda shares: [row.predict(shares) for row in rows], measured, NVLINK, ("flops", "token_seconds")
    )
    assert found.flops == pytest.approx(0.3, rel=0.1)
    assert found.token_seconds == pytest.approx(2e-5, rel=0.1)
