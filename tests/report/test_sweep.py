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
    assert sweep.pair == ("size", "perplexity")  # the first is measured without a bound
    assert sweep.best is jobs[1] and sweep.front == (0, 1, 2)
    assert sweep.lines[0] == "best: job 1 (q.bits=1): met, with the lowest `size` of those"
    assert sweep.lines[1] == "no other job beats both `size` and `perplexity` of: 0, 1, 2 (◆)"


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
