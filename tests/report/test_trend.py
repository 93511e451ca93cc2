from __future__ import annotations

import json
from dataclasses import replace

from rich.console import Console

from infopt_compiler.report.trend import change, history_json, series, show_history, sparkline
from tests.history.builds import BUILD, SIZE, TPOT, build


def shown(builds, names=(), machine="m1") -> str:
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show_history(builds, names, machine, console)
    return console.export_text()


def test_a_line_per_bound_with_its_trend():
    text = shown(
        [BUILD, build(0.012), replace(build(0.011), dirty=True, figures=(*build(0.011).figures, SIZE))]
    )
    (line,) = [line for line in text.splitlines() if "tpot.p50" in line]
    assert "11 ms" in line and "-8.3%*" in line and "▁█" in line and "<= 15 ms" in line
    assert "abcdef0+" in text and "3 builds" in text


def test_a_line_per_build_marks_machine_and_commit():
    other = replace(build(0.030), machine="m2", commit=None, overrides=("measure.seconds=5",))
    text = shown([BUILD, other, build(0.0101)], ["chat.tpot.p50"])
    rows = [line for line in text.splitlines() if line.startswith(("● ", "○ "))]
    assert [row[0] for row in rows] == ["●", "○", "●"]
    assert "–" in rows[1] and "measure.seconds=5" in rows[1]
    assert "+1.0%" in rows[2] and "%*" not in rows[2], "against the same machine, and within its interval"
    assert "trend ▁█" in text


def test_size_has_one_trend_on_all_machines():
    builds = [replace(BUILD, machine=name, figures=(replace(SIZE, value=value),)) for name, value in
              (("m1", 5e6), ("m2", 5.5e6), ("m1", 7e6))]  # fmt: skip
    assert "▁▃█" in shown(builds)


def test_variants_are_not_compared():
    points = [
        (one, one.figures[0]) for one in (BUILD, replace(build(0.02), variant=("q.bits=8",)), build(0.010))
    ]
    assert change(points, 1) == "" and change(points, 2) == "+0.0%"


def test_a_value_that_a_bound_shows_is_not_shown_twice():
    plain = replace(TPOT, operator=None, verdict=None)
    found = series(
        [replace(BUILD, figures=(TPOT, plain, replace(plain, metric="itl.p95")))], ["tpot.p50", "itl.p95"]
    )
    assert [len(points) for points in found.values()] == [1, 1]
    assert len(series([replace(BUILD, figures=(TPOT, plain))], [])) == 1, "without names only bounds"


def test_json_has_intervals_and_is_json():
    data = history_json([replace(BUILD, figures=(replace(TPOT, low=None),))], ["tpot.p50"], "m2")
    (row,) = json.loads(json.dumps(data, allow_nan=False))["builds"]
    assert row["same_machine"] is False and row["commit"] == BUILD.commit
    assert row["figures"][0]["interval"] == [None, TPOT.high] and "spread" not in row["figures"][0]


def test_bars():
    assert sparkline([1, 2, 3]) == "▁▅█" and sparkline([2, 2]) == "▄▄" and sparkline([1]) == ""
