"""A report as annotations of a workflow."""

from __future__ import annotations

from infopt_compiler.report.github import annotate
from tests.report.conftest import bound


def test_what_is_not_met_is_told_at_its_line(report):
    wrong = {"code": "E0801", "severity": "error", "message": "out of memory", "span": None, "help": None}
    report["diagnostics"] = [wrong]
    report["bounds"].append(bound(severity="warn", verdict="missed", value=0.9))
    lines = list(annotate(report, "job 1: "))
    assert lines[0] == "::error title=job 1%3A E0801::out of memory"
    assert (
        lines[1]
        == "::error file=chat.opt,line=9,col=5,title=job 1%3A missed::size <= 20 MB: 98 MB [exact], 4.9× the limit"
    )
    assert [line.partition(" ")[0] for line in lines[2:]] == ["::warning", "::error", "::notice"]
