"""Terminal, Markdown and page say what tune chose, what it gained, what is not decided, and what to do."""

from __future__ import annotations

import pytest
from rich.console import Console

from infopt_compiler.report.html import html
from infopt_compiler.report.markdown import markdown
from infopt_compiler.report.terminal import show
from infopt_compiler.report.tuned import tuned_lines, tuned_rows

GAIN = {"gain": 0.62, "interval": [0.58, 0.66], "rounds": 3, "verdict": "better", "disturbed": False}
TRIED = {"gain": -0.45, "interval": None, "rounds": 1, "verdict": "worse", "disturbed": False}


def facts(**changes):
    decision = {
        "setting": "threads",
        "value": 2,
        "reason": "0 takes 45% more time",
        "open": None,
        "tried": {"0": TRIED},
    }
    return {
        "changed": {"threads": 2, "prune_head": True},
        "gain": GAIN,
        "gain_by_short_requests": False,
        "objective": "latency",
        "disturbed": None,
        "decisions": [decision],
        **changes,
    }


@pytest.fixture
def tuned(report):
    row = {
        "name": "chat",
        "pass": "tune",
        "cached": False,
        "seconds": 40.0,
        "peak_rss_bytes": 10**8,
        "digest": "aa" * 32,
    }
    report["passes"].append({**row, "facts": facts()})
    return report


def outputs(report):
    console = Console(record=True, width=300, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(report, "x", console)
    return console.export_text(), markdown(report, "x"), html(report)


def test_every_output_says_what_was_chosen_and_gained(tuned):
    line = "chat (tune): threads=2, prune_head=true: 62.0% less latency than as exported (58.0% to 66.0%, 3 pairs of blocks)"
    assert tuned_lines(tuned) == [line]
    assert all(line in text for text in outputs(tuned))
    assert tuned_rows(tuned) == [["chat", "threads", "2", "0 takes 45% more time", "0: -45.0%, 1 round"]]
    assert all("0 takes 45% more time" in text for text in outputs(tuned)[1:])


def test_every_output_says_what_is_not_final_and_what_to_do(tuned):
    busy = "other programs used up to 43% of the cores in 5 of 7 blocks"
    tuned["passes"][-1]["facts"] = facts(disturbed=busy, provisional=busy)
    told = f"! chat is not final: {busy}; build again on a quiet machine, and tune goes on from here"
    assert tuned_lines(tuned)[1] == told
    assert all(told in text for text in outputs(tuned))
    tuned["passes"][-1]["facts"] = facts(provisional="not decided: threads=4: no time left to try it")
    assert "`chat.time=3min` allows it more time" in tuned_lines(tuned)[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gain": None, "changed": {}}, "left as exported, nothing was faster"),
        ({"gain": None, "gain_by_short_requests": True}, "more than 2.5 times as fast as exported"),
        ({"gain_by_short_requests": True}, "3 pairs of blocks, of a few tokens since it is so slow"),
        ({"gain": {**GAIN, "interval": None, "rounds": 1}}, "(1 pair of blocks: no interval)"),
        ({"changed": {}, "gain": {**GAIN, "gain": -0.1}}, "left as exported: 10.0% more latency than"),
    ],
)
def test_other_ends_of_a_search(tuned, changes, words):
    tuned["passes"][-1]["facts"] = facts(**changes)
    assert words in tuned_lines(tuned)[0]


def test_a_report_without_tune_says_nothing_of_it(report):
    assert tuned_lines(report) == [] and tuned_rows(report) == []
    assert "Tuning" not in markdown(report, "x") and 'id="tuning"' not in html(report)
