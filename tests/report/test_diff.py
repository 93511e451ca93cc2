from __future__ import annotations

import json
from copy import deepcopy

import pytest
from rich.console import Console

from infopt_compiler.report.diff import compare, markdown, show
from infopt_compiler.report.diff.conditions import NOT_SHOWN
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
    assert {one["change"] for one in diff["bounds"]} == {"same", NOT_SHOWN}
    assert (diff["parameters"], diff["environment"]) == ([], [])
    assert all(one["same"] for one in (*diff["passes"], *diff["artifacts"]))
    assert "parameters" not in shown(diff).split("\n")


@pytest.mark.parametrize(
    ("value", "interval", "change"),
    [
        (0.290, [0.288, 0.2975], "better"),
        (0.305, [0.302, 0.311], NOT_SHOWN),
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


@pytest.mark.parametrize(
    ("metric", "a", "b", "change", "ends"),
    [
        ("kl.mean", (0.01, -0.02, 0.04), (0.05, 0.01, 0.09), NOT_SHOWN, [0.25, None]),
        ("kl.mean", (0.05, 0.01, 0.09), (0.01, -0.02, 0.04), NOT_SHOWN, [None, 4.0]),
        ("kl.mean", (0.01, -0.02, 0.04), (0.07, 0.05, 0.09), "worse", [1.25, None]),
        ("kl.mean", (0.07, 0.05, 0.09), (0.01, -0.02, 0.04), "better", [None, 0.8]),
        ("kl.mean", (0.01, 0.0, 0.04), (0.02, 0.0, 0.05), NOT_SHOWN, [0.0, None]),
        ("ranking", (-0.2, -0.3, -0.1), (0.2, 0.1, 0.3), "better", None),
        ("ranking", (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), "worse", None),
        ("ranking", (-0.2, -0.3, 0.1), (-0.1, -0.2, 0.2), NOT_SHOWN, None),
    ],
)
def test_limits_at_or_below_zero_decide_nothing_by_their_ratio(report, other, metric, a, b, change, ends):
    """For bounds and for values beside them, on the terminal and in Markdown."""
    for side, (value, low, high) in ((report, a), (other, b)):
        known = {"metric": metric, "value": value, "interval": [low, high], "scenario": None}
        side["bounds"] = [bound(**known, limit_raw="1")]
        side["measured"] = [{"budget": "chat", "values": [{**known, "subject": "base"}]}]
    diff = compare(report, other)
    (found,), (beside,) = diff["bounds"], diff["values"]
    assert found["change"] == beside["change"] == change
    assert found["ratio_interval"] == (ends if ends is None else pytest.approx(ends))
    signs = {"better": "✓ better", "worse": "✗ **worse**", NOT_SHOWN: f"= {NOT_SHOWN}"}
    assert signs[change] in markdown(diff)
    line = next(line for line in shown(diff).splitlines() if line.startswith(metric))
    assert (change.upper() if change == "worse" else change) in line
    json.dumps(diff, allow_nan=False)


def test_a_prediction_beside_a_measured_value_is_no_comparison(report, other):
    other["bounds"][0] |= {"basis": "predicted", "value": 0.1, "interval": [0.08, 0.12]}
    diff = compare(report, other)
    assert row(diff, "ttft.p95")["change"] == "one predicted" and not row(diff, "ttft.p95")["comparable"]
    report["bounds"][0] |= {"basis": "predicted"}
    assert row(compare(report, other), "ttft.p95")["change"] == "better"


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
        NOT_SHOWN,
        "same",
        "added",
        NOT_SHOWN,
        "removed",
    ]
    text = shown(diff)
    assert "20 MB → 120 MB" in text and "✗ missed → ✓ met" in text and "only B" in text and "only A" in text


def test_another_machine_is_said(report, other):
    report["machine"]["digest"], other["machine"]["digest"] = "a", "b"
    diff = compare(report, other)
    assert not row(diff, "ttft.p95")["comparable"] and row(diff, "size")["comparable"]
    assert row(diff, "ttft.p95")["change"] == "other machine"
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


def built(side, *, text="aa", windows=16, **settings):
    """A budget `asked` on a text and under a scenario, beside the bounds that are there."""
    quality = {
        "metric": "kl.mean",
        "unit": "nats",
        "limit_raw": "1 nats",
        "on": "heldout",
        "scenario": None,
        "budget": "asked",
    }
    side["bounds"] += [
        bound(**quality, value=windows / 100, interval=[windows / 100] * 2),
        bound(metric="tpot.p50", budget="asked"),
        bound(metric="goodput", unit="req/s", operator=">=", budget="asked", value=2.0, interval=[1.9, 2.1]),
    ]
    side["passes"] += [
        {
            "name": name,
            "pass": kind,
            "cached": False,
            "seconds": 1.0,
            "peak_rss_bytes": 1,
            "digest": digest,
            "size_bytes": 1,
            "facts": {},
        }
        for name, kind, digest in (
            ("heldout", "text", text),
            ("arc", "task", text),
            ("asked_texts", "text", "cc"),
        )
    ]
    scenario = {"name": "s", "prompt": 128, "prompts": "asked_texts", **settings}
    quality = {"heldout vs base": {"windows": windows}}
    side["measured"].append(
        {
            "subject": "chat",
            "budget": "asked",
            "scenario": "s",
            "values": [],
            "scenario_settings": scenario,
            "environment": {"quality": quality},
        }
    )
    return side


@pytest.mark.parametrize(
    ("changes", "metric", "expected"),
    [
        ({}, "kl.mean", "same"),
        ({"text": "bb"}, "kl.mean", "other text"),
        ({"text": "bb"}, "tpot.p50", NOT_SHOWN),
        ({"windows": 24}, "kl.mean", "other text"),
        ({"prompt": 512}, "tpot.p50", "other scenario"),
        ({"prompt": 512}, "kl.mean", "same"),
        ({"name": "renamed"}, "tpot.p50", NOT_SHOWN),
    ],
    ids=str,
)
def test_what_was_measured_under_other_conditions_is_no_comparison(report, other, changes, metric, expected):
    diff = compare(built(report), built(other, **changes))
    found = row(diff, metric)
    assert found["change"] == expected
    assert found["comparable"] is (expected in ("same", NOT_SHOWN))
    assert row(diff, "ttft.p95")["change"] == NOT_SHOWN  # of another budget
    assert ("other data or under other settings" in shown(diff)) is bool(changes.keys() - {"name"})


def test_other_bytes_of_a_task_or_of_prompts_and_other_limits_are_seen(report, other):
    (built(report), built(other))
    for side in (report, other):
        side["bounds"].append(
            bound(metric="accuracy", unit="1", operator=">=", on="arc", scenario=None, budget="asked")
        )
    next(one for one in other["passes"] if one["name"] == "arc")["digest"] = "bb"
    next(one for one in other["passes"] if one["name"] == "asked_texts")["digest"] = "dd"
    diff = compare(report, other)
    assert (row(diff, "accuracy")["change"], row(diff, "tpot.p50")["change"]) == (
        "other text",
        "other scenario",
    )
    next(one for one in other["passes"] if one["name"] == "asked_texts")["digest"] = "cc"
    assert row(compare(report, other), "goodput")["change"] == NOT_SHOWN
    next(one for one in other["bounds"] if one["metric"] == "tpot.p50")["limit"] = 0.1
    assert row(compare(report, other), "goodput")["change"] == "other limits"
