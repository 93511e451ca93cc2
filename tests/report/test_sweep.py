"""Which job of a sweep is best, and which no other beats in both of two metrics."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from infopt_compiler.report.junit import sweep_junit
from infopt_compiler.report.sweep import SweepJob, compare, sweep_markdown
from tests.report.conftest import bound


def _job(number: int, verdict: str, size: float, perplexity: float, speed: float = 0.3) -> SweepJob:
    bounds = [
        bound(value=speed),
        bound(metric="perplexity", on="heldout", limit=20.0, limit_raw="20", value=perplexity, scenario=None),
    ]
    measured = [{"subject": "chat", "values": [{"metric": "size", "subject": "chat", "value": size}]}]
    report: dict[str, Any] = {"verdict": verdict, "bounds": bounds, "measured": measured, "recipe": "chat"}
    return SweepJob(number, f"q.bits={number}", {**report, "seconds": 1.0, "started": "", "diagnostics": []})


def test_the_best_is_of_the_best_verdict_and_the_smallest_of_these():
    jobs = [
        _job(0, "met", 90e6, 18.0),
        _job(1, "met", 80e6, 19.0),
        _job(2, "missed", 40e6, 30.0),
        _job(3, "met", 95e6, 18.5),
    ]
    sweep = compare(jobs)
    assert sweep.pair == ("size", "perplexity on heldout")  # the first is measured without a bound
    assert sweep.best is jobs[1] and sweep.front == (0, 1, 2)
    assert sweep.lines[0] == "best: job 1 (q.bits=1): met, with the lowest `size` of those"
    assert sweep.lines[1] == "no other job beats both `size` and `perplexity on heldout` of: 0, 1, 2 (◆)"


def test_what_all_jobs_share_is_no_choice():
    sweep = compare([_job(0, "met", 90e6, 18.0, 0.4), _job(1, "met", 90e6, 18.0, 0.3)])
    assert sweep.pair == ("ttft.p95",) and sweep.front == ()
    assert sweep.best is not None and sweep.best.number == 1 and len(sweep.lines) == 1


def test_a_job_without_a_report_is_neither_best_nor_silent():
    sweep = compare([SweepJob(0, "q.bits=3", None), _job(1, "missed", 90e6, 18.0)])
    assert sweep.best is not None and sweep.best.number == 1 and sweep.count == "1 no report, 1 missed"
    assert compare([SweepJob(0, "", None)]).lines == ["best: none, no job has an artifact"]


def test_one_markdown_and_one_junit_for_all_jobs():
    jobs = [_job(0, "met", 90e6, 18.0), _job(1, "met", 80e6, 19.0), SweepJob(2, "q.bits=2", None)]
    text = sweep_markdown(compare(jobs), "chat")
    assert "| 1 ◆ | `q.bits=1` | met | 300 ms ✓ | 19 ✓ | [report](1/report.md) |" in text
    root = ET.fromstring(sweep_junit({job.overrides: job.report for job in jobs}))
    assert [suite.get("name") for suite in root] == ["q.bits=0", "q.bits=1", "q.bits=2"]
    assert [suite.get("errors") for suite in root] == ["0", "0", "1"]
    case = root[0][0]
    assert (case.get("file"), case.get("line")) == ("chat.opt", "9")


def _judged(number: int, *bounds: dict[str, Any]) -> SweepJob:
    return SweepJob(number, "", {"verdict": "missed", "bounds": list(bounds), "measured": []})


def test_two_bounds_on_one_metric_are_two_columns_whatever_the_limit():
    held = bound(metric="perplexity", on="heldout", value=14.9, scenario=None, limit_raw="20")
    code = {**held, "on": "code", "value": 40.0, "verdict": "missed"}
    warned = {**held, "severity": "warn"}
    jobs = [_judged(0, held, code, warned), _judged(1, {**held, "limit_raw": "30"}, code, warned)]
    sweep = compare(jobs)
    assert sweep.columns == ["perplexity on heldout", "perplexity on code", "warn perplexity on heldout"]
    assert "| 14.9 ✓ | 40 ✗ | 14.9 ✓ |" in sweep_markdown(sweep, "chat")
    low, high = bound(operator=">="), bound()
    assert compare([_judged(0, low, high, high)]).columns == ["ttft.p95 >=", "ttft.p95 <=", "ttft.p95 <= (2)"]


def test_what_fails_is_never_left_out_and_what_is_left_out_is_named():
    names = ["ttft.p50", "ttft.p90", "ttft.p95", "ttft.p99", "tpot.p50", "tpot.p90", "tpot.p95", "tpot.p99"]
    good = [bound(metric=name) for name in names]
    bad = [*good[:-1], {**good[-1], "verdict": "missed"}]
    sweep = compare([_judged(0, *good), _judged(1, *bad)])
    assert sweep.shown == [*names[:5], "tpot.p99"] and sweep.left_out == ["tpot.p90", "tpot.p95"]
    assert all(f"| {name} " in sweep_markdown(sweep, "chat") for name in names)
    all_bad = compare([_judged(0, *({**one, "verdict": "inconclusive"} for one in good))])
    assert all_bad.shown == names and all_bad.left_out == []
