"""A report as annotations of a workflow."""

from __future__ import annotations

from infopt_compiler.diagnostics import render_github
from infopt_compiler.report.github import annotate
from tests.report.conftest import bound


def test_what_is_not_met_is_told_at_its_line(report):
    wrong = {"code": "E0801", "severity": "error", "message": "out of memory", "span": None, "help": "less"}
    report["diagnostics"] = [wrong]
    report["bounds"].append(bound(severity="warn", verdict="missed", value=0.9))
    lines = [one.line("job 1: ") for one in annotate(report)]
    assert lines[0] == "::error title=job 1%3A E0801::out of memory (help: less)"
    assert (
        lines[1]
        == "::error file=chat.opt,line=9,col=5,title=job 1%3A missed::size <= 20 MB: 98 MB [exact], 4.9× the limit"
    )
    assert [line.partition(" ")[0] for line in lines[2:]] == ["::warning", "::error", "::notice"]


def test_jobs_are_named_where_not_all_say_the_same(report):
    report["bounds"] = [bound(verdict="missed", value=0.9)]
    other = {**report, "bounds": [*report["bounds"], bound(metric="tpot.p95", verdict="missed", value=0.7)]}
    first, second, *_ = lines = render_github(
        {n: list(annotate(r)) for n, r in enumerate([report, other, other])}
    )
    assert len(lines) == 2 and "title=missed::ttft.p95" in first
    assert "title=jobs 1%2C 2%3A missed::tpot.p95" in second
