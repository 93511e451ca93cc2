"""The file: what goes in comes out, from many processes at once; what is wrong with it is told in one way."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from infopt_compiler.budget import Spread
from infopt_compiler.history import History, HistoryError
from tests.history.builds import BUILD, SIZE, TPOT, WANTED, build


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history.sqlite")


def test_what_goes_in_comes_out(history):
    other = replace(BUILD, recipe="other.opt", overrides=("q.bits=8",), variant=("q.bits=8",), dirty=True)
    history.append(BUILD)
    history.append(other)
    assert history.builds() == [replace(BUILD, number=1), replace(other, number=2)]
    assert history.builds("other.opt") == [replace(other, number=2)]
    assert history.recipes() == ["chat.opt", "other.opt"]


def test_the_newest_ones_oldest_first(history):
    for number in range(5):
        history.append(build(0.01 + number / 1000))
    assert [found.figures[0].value for found in history.builds("chat.opt", 2)] == pytest.approx(
        [0.013, 0.014]
    )


def test_open_intervals_survive(history):
    spread = Spread(0.01, {0.975: (-math.inf, 0.02)})
    history.append(replace(BUILD, figures=(replace(TPOT, low=-math.inf, spread=spread),)))
    found = history.builds()[0].figures[0]
    assert found.low is None and found.high == TPOT.high and found.spread == spread


def test_no_file_is_an_empty_history_and_reading_makes_none(history):
    assert history.builds() == [] and history.earlier(WANTED) is None
    assert not history.path.exists()


def test_many_builds_may_append_at_once(history):
    """Jobs of a sweep: processes that start together on a file that is not there yet."""
    code = (
        "import sys; from pathlib import Path; from infopt_compiler.history import History\n"
        "from tests.history.builds import build\n"
        "for k in range(10): History(Path(sys.argv[1])).append(build(0.01 + k / 1000))"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code, str(history.path)]) for _ in range(6)]
    assert [job.wait(timeout=120) for job in jobs] == [0] * 6
    found = history.builds()
    assert len(found) == 60 and all(len(one.figures) == 1 for one in found)
    assert [one.number for one in found] == list(range(1, 61))


def test_a_build_is_there_as_a_whole_or_not(history):
    history.append(BUILD)
    with pytest.raises(HistoryError):
        history.append(replace(BUILD, figures=(SIZE, replace(TPOT, unit=object()))))
    assert len(history.builds()) == 1


def test_a_damaged_file_and_one_of_a_later_version(history):
    history.path.write_bytes(b"no database, but longer than the header of one " * 30)
    for call in (history.builds, lambda: history.append(BUILD), lambda: history.earlier(WANTED)):
        with pytest.raises(HistoryError, match="not a database"):
            call()
    history.path.unlink()
    history.append(BUILD)
    with sqlite3.connect(history.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(HistoryError, match="later version"):
        history.builds()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(HistoryError):
        History(tmp_path / "missing/history.sqlite").append(BUILD)


def earlier(history, **changes):
    found = history.earlier(replace(WANTED, **changes))
    return None if found is None else found.spread.value


def test_earlier_is_the_newest_of_the_same_kind(history):
    for value, more in (
        (0.010, {}),
        (0.011, {}),
        (0.012, {"machine": "m2"}),
        (0.013, {"variant": ("q.bits=8",)}),
        (0.014, {"recipe": "other.opt"}),
        (0.015, {"changes": {"conditions": "c2"}}),
        (0.016, {"changes": {"basis": "predicted"}}),
        (0.017, {"changes": {"subject": "exact"}}),
        (0.018, {"changes": {"budget": "rag"}}),
    ):
        history.append(build(value, **more))
    assert earlier(history) == 0.011
    assert earlier(history, machine="m2") == 0.012
    assert earlier(history, machine=None) == 0.012  # size and quality: any machine
    assert earlier(history, variant=("q.bits=8",)) == 0.013
    assert earlier(history, recipe="third.opt") is None


def test_text_that_changed_is_another_measure(history):
    history.append(build(15.0, changes={"on": "heldout", "text": "t1"}))
    assert earlier(history, on="heldout", text="t1") == 15.0
    assert earlier(history, on="heldout", text="t2") is None
    assert earlier(history, on="heldout") == 15.0, "before the text is read, a plan takes what is there"
    assert earlier(history) is None


@pytest.mark.parametrize(
    ("verdict", "found"), [("missed", 0.010), ("inconclusive", 0.010), ("met", 0.020), ("baseline", 0.020)]
)
def test_a_build_that_missed_the_last_one_is_no_new_measure(history, verdict, found):
    """Else running the build again would meet the bound."""
    history.append(build(0.010))
    history.append(build(0.020, changes={"relative_to": "last", "verdict": verdict}))
    assert earlier(history) == found


def test_a_miss_of_another_limit_does_not_count(history):
    history.append(build(0.010))
    history.append(build(0.020, changes={"verdict": "missed"}))
    assert earlier(history) == 0.020


def test_a_value_without_a_bound_serves_too_but_a_bound_has_more_confidences(history):
    plain = replace(TPOT, operator=None, limit=None, limit_raw=None, severity=None, verdict=None)
    narrow = replace(plain, spread=Spread(0.01, {0.975: (0.0099, 0.0101)}))
    history.append(replace(BUILD, figures=(narrow,)))
    assert history.earlier(WANTED).spread == narrow.spread
    history.append(replace(BUILD, figures=(narrow, TPOT)))
    assert history.earlier(WANTED).spread == TPOT.spread
    assert history.earlier(WANTED).text == "build of 2026-11-25T10:00:00+00:00 (abcdef0)"
