"""All renderers read the one report.json."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console

from infopt_compiler.report.junit import junit
from infopt_compiler.report.markdown import markdown
from infopt_compiler.report.terminal import show
from infopt_compiler.report.values import (
    bound_labels,
    bound_text,
    coverage_notes,
    interval_text,
    last_line,
    margin_text,
    value_labels,
    value_text,
)
from tests.report.conftest import bound


def schema():
    return json.loads((files("infopt_compiler.report") / "schema.json").read_text("utf-8"))


def test_the_example_is_valid_and_a_wrong_verdict_is_not(report):
    jsonschema.validate(report, schema())
    report["bounds"][0]["verdict"] = "maybe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema())


def test_the_terminal_ends_with_the_verdict_and_the_place(report):
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(report, "outputs/chat/latest", console)
    text = console.export_text()
    assert "4.9× the limit" in text and "301 ms" in text and "298 … 310 ms" in text
    assert (
        text.rstrip()
        .splitlines()[-1]
        .startswith("MISSED · 1 of 3 bounds missed: size · report: outputs/chat/latest")
    )


def test_markdown_escapes_and_names_every_bound(report):
    text = markdown(report, "outputs/chat/latest")
    for name in ("ttft.p95", "size", "perplexity", "cost"):
        assert f"{name} <=" in text
    assert "a \\| b" in text
    assert "warn cost" in text


def test_the_terminal_and_markdown_tell_what_each_pass_did(whole):
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(whole, "x", console)
    for text in (console.export_text(), markdown(whole, "x")):
        assert "110 MB (−78%)" in text and "4 ms (−92%)" in text and "50 ms" in text
        assert "attribution took 31 of 120 s allowed; q tpot.p50: a note" in text
        assert (
            "`code` degrades more than `heldout` against `base`" in text
            and "intervals do not overlap" in text
        )


def test_junit_has_a_case_per_bound_and_fails_the_missed_ones(report):
    suite = ET.fromstring(junit(report))
    assert suite.get("tests") == "4" and suite.get("failures") == "2" and suite.get("skipped") == "1"
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["size <= 20 MB", "perplexity <= 105% of base on heldout"]


@pytest.mark.parametrize(
    ("value", "limit", "operator", "text"),
    [
        (0.5, 1.0, "<=", "50% inside"),
        (1.1, 1.0, "<=", "10% over"),
        (1.034, 1.0, "<=", "3.4% over"),
        (90.0, 100.0, ">=", "10% under"),
        (5.0, 1.0, "<=", "5.0× the limit"),
        (231.0, 100.0, ">=", "2.3× the limit"),  # no share: 131 % of nothing
        (0.001, 1.0, "<=", ">99% inside"),
        (0.001, 1.0, ">=", ">99% under"),
        (-0.2, 0.5, ">=", "700 ms under"),
    ],
)
def test_margin(value, limit, operator, text):
    assert margin_text(bound(value=value, limit=limit, operator=operator)) == text


def test_last_line_of_a_met_build_counts_only_bounds_that_fail(report):
    report.update(verdict="met", bounds=[bound(), bound(severity="warn", verdict="missed")])
    assert last_line(report, "x") == "MET · its bound is met · report: x"


def test_the_docs_name_every_field():
    document = (Path(__file__).parents[2] / "docs/report.md").read_text("utf-8")
    bound_fields = schema()["$defs"]["bound"]["properties"]
    missing = [name for name in (*schema()["properties"], *bound_fields) if f"`{name}`" not in document]
    assert missing == []


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ([0.1, None], "≥ 100 ms"),
        ([None, 0.1], "≤ 100 ms"),
        ([None, None], "–"),
        ([0.1, 0.1], "exact"),
        (None, "–"),
    ],
)
def test_intervals_with_an_open_end(interval, text):
    assert interval_text(bound(interval=interval)) == text


def test_bits_are_shown_in_bits():
    assert value_text(bound(metric="bits_per_byte"), 0.6931471805599453) == "1 bits"


def test_a_failure_names_the_error_and_not_a_warning(report):
    told = {"code": "E0620", "severity": "warning", "message": "a corrupt entry", "span": None, "help": None}
    failed = {**told, "severity": "error", "message": "the disk is full"}
    report.update(verdict="failed", diagnostics=[told, failed])
    assert last_line(report, "x") == "FAILED · the disk is full · report: x"


def test_a_baseline_is_neither_met_nor_missed_and_is_named(report):
    first = bound(
        metric="tpot.p50", limit=None, limit_raw="102% of last", reference="last", verdict="baseline"
    )
    report.update(verdict="met", bounds=[bound(), first])
    jsonschema.validate(report, schema())
    line = last_line(report, "x")
    assert line == "MET · its bound is met; kept for the next build to be held to: tpot.p50 · report: x"
    report.update(bounds=[first])
    assert last_line(report, "x").startswith("MET · built; no bounds to judge; kept for the next build")
    suite = ET.fromstring(junit(report))
    assert suite.get("skipped") == "1" and suite.get("failures") == "0"
    assert "○ baseline" in markdown(report, "x") and "102% of last" in markdown(report, "x")


def test_a_bound_says_its_confidence_and_its_references():
    assert bound_text(bound(at=0.99)) == "ttft.p95 <= 600 ms at 99% confidence"
    both = bound(metric="kl.mean", limit_raw="110% of last", reference="base", on="heldout", at=0.999)
    assert bound_text(both) == "kl.mean <= 110% of last vs base on heldout at 99.9% confidence"
    alone = bound(metric="size", limit_raw="100% of last", reference="last")
    assert bound_text(alone) == "size <= 100% of last"


def test_control_characters_of_a_crash_leave_junit_readable():
    """A third party's last words may be coloured; XML cannot hold an escape character at all."""
    crashed = {"code": "E0801", "severity": "error", "message": "boom \x1b[31mred\x00"}
    text = junit({"recipe": "r", "seconds": 1.0, "started": "", "bounds": [], "diagnostics": [crashed]})
    assert "boom" in ET.fromstring(text).find("testcase/error").get("message")


def _budgets() -> list[dict[str, Any]]:
    return [
        bound(budget="chat", scenario="short"),
        bound(budget="long", scenario="long", limit=1.2, limit_raw="1.2 s"),
        bound(budget="chat", metric="size", limit_raw="20 MB", scenario=None),
    ]


def test_rows_of_one_metric_are_told_apart_and_others_are_left_alone():
    assert bound_labels(_budgets()) == [
        "ttft.p95 <= 600 ms under short",
        "ttft.p95 <= 1.2 s under long",
        "size <= 20 MB",
    ]
    rows = [
        {"metric": "perplexity", "subject": "chat", "on": "heldout"},
        {"metric": "perplexity", "subject": "base", "on": "heldout"},
        {"metric": "size", "subject": "chat"},
    ]
    assert value_labels({"subject": "chat", "values": rows}) == [
        "perplexity of chat",
        "perplexity of base",
        "size",
    ]


@pytest.mark.parametrize("many", [False, True])
def test_tables_fit_80_columns_and_what_failed_stands_first(whole, many):
    if many:
        names = ("size", "perplexity", "kl.mean", "ttft.p50", "tpot.p50", "memory.peak")
        for step in whole["attribution"]["chat"]["steps"]:
            step["values"] = dict.fromkeys(names, step["values"]["size"])
        whole["attribution"]["chat"]["metrics"] = list(names)
    tables = {**whole, "measured": []}  # notes are prose
    console = Console(record=True, width=80, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(tables, "x", console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text.replace(" … ", "")
    budget = text[text.index("verdict") :].splitlines()
    assert [line.split()[0] for line in budget[1:] if line[:1] in "✗?~✓"] == ["✗", "?", "~", "✓"]


def test_the_machine_was_busy_stands_only_where_a_time_bound_was_judged(whole):
    note = "! a note on the machine"
    assert note in coverage_notes(whole)
    whole["bounds"] = [b for b in whole["bounds"] if not b["metric"].startswith(("ttft", "cost"))]
    assert note not in coverage_notes(whole)


def test_a_note_that_bounds_share_is_told_once():
    rows = [bound(metric=name, note="few; alike") for name in ("ttft.p50", "tpot.p50")]
    found = coverage_notes({"bounds": rows, "measured": []})
    assert found == ["ttft.p50, tpot.p50: few", "ttft.p50, tpot.p50: alike"]


def test_the_verdict_and_what_to_do_stand_at_the_top_and_at_the_bottom(report):
    report["next"] = {
        "why": "it is large",
        "do": "try fewer bits",
        "command": "infopt-compile chat.opt q.bits=4",
    }
    jsonschema.validate(report, schema())
    console = Console(record=True, width=80, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(report, "x", console)
    lines = console.export_text().splitlines()
    asked = ["next: try fewer bits:", "    infopt-compile chat.opt q.bits=4"]
    assert lines[:2] == ["MISSED · 1 of 3 bounds missed: size", "  it is large"]
    assert [line[2:] for line in lines[2:4]] == asked == lines[-3:-1]
    assert "**Next:** try fewer bits" in markdown(report, "x") and "q.bits=4\n```" in markdown(report, "x")
