from __future__ import annotations

import json
from copy import deepcopy

import pytest
from rich.console import Console

from infopt_compiler.report.diff import compare, markdown, show
from tests.report.conftest import bound


@pytest.fixture
def other(report):
    """The report of a later build."""
    return deepcopy(report)


def shown(diff) -> str:
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(diff, console)
    return console.export_text()


def row(diff, metric):
    (found,) = [one for one in diff["bounds"] if one["metric"] == metric]
    return found


def test_a_report_differs_in_nothing_from_itself(report, other):
    diff = compare(report, other)
    assert {one["change"] for one in diff["bounds"]} == {"unchanged"}
    assert (diff["parameters"], diff["environment"]) == ([], [])
    assert all(one["same"] for one in (*diff["passes"], *diff["artifacts"]))
    assert "parameters" not in shown(diff).split("\n")


@pytest.mark.parametrize(
    ("value", "interval", "change"),
    [
        (0.290, [0.288, 0.2975], "better"),
        (0.305, [0.302, 0.311], "unchanged"),
        (0.320, [0.311, 0.330], "worse"),
        (None, [None, None], "unknown"),
        (0.290, [None, 0.2975], "better"),
        (0.305, [None, 0.311], "unknown"),
    ],
)
def test_beyond_both_intervals_or_within_them(report, other, value, interval, change):
    other["bounds"][0] |= {"value": value, "interval": interval}
    found = row(compare(report, other), "ttft.p95")
    assert found["change"] == change
    if value and interval[0]:
        assert found["ratio"] == pytest.approx(value / 0.301)
        assert found["ratio_interval"] == pytest.approx([interval[0] / 0.31, interval[1] / 0.298])
        assert found["confidence"] == pytest.approx(0.9)


def test_higher_is_better_where_it_is(report, other):
    for side, value in ((report, 50.0), (other, 80.0)):
        side["bounds"].append(bound(metric="throughput", operator=">=", limit_raw="50 tok/s", value=value, interval=[value, value]))  # fmt: skip
    assert row(compare(report, other), "throughput")["change"] == "better"


def test_bounds_that_come_and_go_and_limits_that_change(report, other):
    other["bounds"][1]["limit_raw"] = "120 MB"
    other["bounds"][1]["verdict"] = "met"
    other["bounds"][2] = bound(metric="ttft.p95", limit_raw="102% of last", reference="last")
    diff = compare(report, other)
    assert [one["change"] for one in diff["bounds"]] == [
        "unchanged",
        "unchanged",
        "added",
        "unchanged",
        "removed",
    ]
    text = shown(diff)
    assert "20 MB → 120 MB" in text and "✗ missed → ✓ met" in text and "only B" in text and "only A" in text


def test_another_machine_is_said(report, other):
    report["machine"]["digest"], other["machine"]["digest"] = "a", "b"
    diff = compare(report, other)
    assert not row(diff, "ttft.p95")["comparable"] and row(diff, "size")["comparable"]
    assert "the machines differ" in shown(diff) and "the machines differ" in markdown(diff)


def test_passes_parameters_and_versions(report, other):
    steps = [{"name": "q", "inputs": {"model": ["base"]}, "parameters": {"bits": 4}}]
    report["graph"], other["graph"] = {"steps": steps}, {"steps": deepcopy(steps)}
    other["graph"]["steps"][0]["parameters"]["bits"] = 8
    other["passes"][0] |= {"digest": "12" * 32, "seconds": 7.0}
    other["environment"]["torch"] = "2.14.0"
    other["artifacts"][0] |= {"digest": "34" * 32, "size_bytes": 120_000_000}
    diff = compare(report, other)
    assert diff["parameters"] == [{"name": "q.bits", "a": 4, "b": 8}]
    assert diff["environment"] == [{"name": "torch", "a": None, "b": "2.14.0"}]
    text = shown(diff)
    assert "121212121212" in text and "98 MB" in text and "120 MB" in text and "122.4%" in text
    assert "1 of 2 passes made the same bytes" in text
    json.dumps(diff, allow_nan=False)


def test_markdown_is_a_comment(report, other):
    other["verdict"] = "met"
    other["bounds"][0] |= {"value": 0.2, "interval": [0.19, 0.21]}
    text = markdown(compare(report, other))
    assert text.startswith("## `chat`: missed → met") and "✓ better" in text and "| ttft.p95 |" in text


def test_a_build_that_failed_has_little_to_compare(report, other):
    other |= {
        "bounds": [],
        "measured": [],
        "passes": [],
        "artifacts": [],
        "environment": {},
        "graph": {},
        "verdict": "failed",
    }
    text = shown(compare(report, other))
    assert "measured nothing" in text and "python" not in text


def test_values_on_other_text_are_no_comparison(report, other):
    quality = {"metric": "kl.mean", "limit_raw": "1 nats", "value": 0.1, "interval": [0.1, 0.1], "on": "heldout", "scenario": None}  # fmt: skip
    for side, digest, value in ((report, "aa", 0.1), (other, "bb", 0.2)):
        side["bounds"].append(bound(**quality | {"value": value, "interval": [value, value]}))
        side["passes"].append(
            {"name": "heldout", "pass": "text", "cached": False, "seconds": 1.0, "peak_rss_bytes": 1, "digest": digest, "size_bytes": 1, "facts": {}}
        )  # fmt: skip
    diff = compare(report, other)
    found = row(diff, "kl.mean")
    assert (found["change"], found["comparable"]) == ("other text", False)
    assert row(diff, "ttft.p95")["change"] == "unchanged"
    assert "other text, other scenario: measured on other data" in shown(diff)
    other["passes"][-1]["digest"] = "aa"
    assert row(compare(report, other), "kl.mean")["change"] == "worse"


def test_values_under_other_settings_of_the_scenario_are_no_comparison(report, other):
    for side, prompt in ((report, 128), (other, 512)):
        side["measured"] = [
            {"subject": "chat", "scenario": "assistant", "values": [], "scenario_settings": {"prompt": prompt}}
        ]  # fmt: skip
    diff = compare(report, other)
    assert row(diff, "ttft.p95")["change"] == "other scenario"
    assert "other scenario" in markdown(diff)
