"""How much a model says again."""

from __future__ import annotations

import pytest

from infopt_compiler.budget import Verdict
from infopt_compiler.measure.records import MemoryRecords
from infopt_compiler.measure.repetition.instrument import Written, estimate_repetition
from infopt_compiler.targets import TARGETS
from tests.measure.conftest import World
from tests.measure.test_evaluate import bound, run


def test_pieces_that_were_there_before_are_counted() -> None:
    """1 2 3 4 1 2 3 4 1: six pieces of four, two of them (1234 and 2341) again."""
    assert Written.of("d", [1, 2, 3, 4, 1, 2, 3, 4, 1]) == Written("d", 6, 2)
    assert Written.of("d", list(range(64))) == Written("d", 61, 0)
    assert Written.of("d", [7] * 64) == Written("d", 61, 60)
    assert Written.of("d", [1, 2, 3]) == Written("d", 0, 0)


def test_the_share_is_a_mean_and_its_interval_of_documents() -> None:
    rows = [Written(str(k), 61, 60 if k < 3 else 6) for k in range(30)]
    found = estimate_repetition(rows, 0.975, resamples=500, seed=0)
    share = (3 * 60 + 27 * 6) / (30 * 61)
    assert found.value == pytest.approx(share) and 0 <= found.low < share < found.high <= 1
    assert found.blocks == 30 and found.note == "3 of 30 continuations repeat more than half"


def test_few_that_loop_leave_room_for_more() -> None:
    """None seen of 30 says at most 11.6 % at 97.5 % (1 - 0.025^(1/30)); one of them that loops says more."""
    limits = [
        estimate_repetition(
            [Written(str(k), 61, 61 * (k < looping)) for k in range(30)], 0.975, resamples=200, seed=0
        )
        for looping in (0, 1)
    ]
    assert [found.value for found in limits] == [0.0, pytest.approx(1 / 30)]
    assert limits[0].low == 0.0 and limits[0].high == pytest.approx(0.116, abs=5e-4)
    assert limits[1].high == pytest.approx(0.172, abs=5e-4)
    assert estimate_repetition([Written("d", 0, 0)] * 2, 0.975, resamples=200, seed=0).value == 0.0


def test_a_model_is_judged_and_read_from_its_record(world: World) -> None:
    records, asked = MemoryRecords(), [bound("repetition <= 99.9%", on="held")]
    first, again = (run(world, asked, target=TARGETS["h100"], scenario=None, records=records) for _ in "ab")
    (result,) = first.results
    assert result.verdict is Verdict.met and 0 < (result.interval.value or 0) < 1  # a tiny random model loops
    assert first.results == again.results and first.value("repetition") == result.interval
