"""`report DIR` shows a run or a sweep again."""

from __future__ import annotations

import json


def test_no_report(run, folder):
    ran = run("report", ".")
    assert ran.code == 1
    assert "[E0557]" in ran.err


def test_a_sweep(run, builds):
    run("chat.opt", "-m", "q.bits=4,8")
    ran = run("report", "outputs/chat/latest")
    assert ran.code == 0
    assert "sweep of 2 jobs" in ran.out
    assert "q.bits=8" in ran.out


def test_json(run, builds):
    run("chat.opt")
    assert json.loads(run("report", "outputs/chat/latest", "--json").out)["verdict"] == "met"


def test_a_damaged_report(run, folder):
    (folder / "report.json").write_text("{")
    assert run("report", ".").code == 1
