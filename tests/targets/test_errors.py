from __future__ import annotations

from pathlib import Path

import pytest

from infopt_compiler.targets import error_key, record_errors, seen_errors


def test_the_median_of_what_was_seen(tmp_path: Path) -> None:
    key = error_key("quantize", "seconds")
    record_errors([{"key": key, "error": error} for error in (-0.5, 0.1, 0.2)], tmp_path)
    record_errors([{"key": "bound tpot.p50", "error": None}], tmp_path)
    seen = seen_errors(tmp_path)
    assert list(seen) == [key]
    assert seen[key].share == pytest.approx(0.2) and seen[key].count == 3 and str(seen[key]) == "±20%"


def test_two_errors_say_nothing_and_large_ones_are_a_factor(tmp_path: Path) -> None:
    record_errors([{"key": "few", "error": error} for error in (10.66, 10.66)], tmp_path)
    record_errors([{"key": "over", "error": error} for error in (10.66, 10.66, 0.1)], tmp_path)
    record_errors([{"key": "under", "error": error} for error in (-0.9, -0.9, 0.1)], tmp_path)
    seen = seen_errors(tmp_path)
    assert {key: str(error) for key, error in seen.items()} == {"over": "×12", "under": "×10"}


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    record_errors([{"key": "a", "error": 0.1}] * 3, tmp_path)
    for file in (tmp_path / "machine").iterdir():
        file.write_text('{"key": "a"\n' + file.read_text() + "[]\n")
    assert seen_errors(tmp_path)["a"].count == 3
