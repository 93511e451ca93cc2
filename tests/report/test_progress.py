from __future__ import annotations

from io import StringIO

from infopt_compiler.report import progress as module
from infopt_compiler.report.progress import Progress


def test_plain_lines_come_seldom_and_time_left_is_of_the_stage(monkeypatch):
    clock = iter([0.0, 0.0, 20.0, 40.0, 41.0, 51.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    out = StringIO()
    progress = Progress(out, terminal=False)
    progress.step_started("q", "quantize")
    progress.progress(1, 4, "layer 1")  # 20 s for a quarter: 60 s left
    progress.progress(3, 4, "layer 3")  # 40 s for three quarters
    progress.progress(0, 2, "scoring")  # a new stage starts, a second after the last line: not told
    progress.progress(1, 2, "scoring")  # 10 s for a half of the new stage
    assert out.getvalue().splitlines() == [
        "q: quantize",
        "q:  25%, 1 min 00 s left · layer 1",
        "q:  75%, 13 s left · layer 3",
        "q:  50%, 10 s left · scoring",
    ]


def test_a_terminal_line_is_overwritten_and_cleared():
    out = StringIO()
    progress = Progress(out, terminal=True)
    progress.step_started("q", "quantize")
    progress.progress(1, 2)
    progress.step_finished("q", 3.25)
    assert "\r" in out.getvalue() and out.getvalue().endswith("\rq: done in 3.2 s\n")


def test_quiet_tells_warnings_only():
    out = StringIO()
    progress = Progress(out, terminal=False, quiet=True)
    progress.step_started("q", "quantize")
    progress.step_cached("q")
    progress.step_finished("q", 1.0)
    progress.warning("a corrupt entry")
    assert out.getvalue() == "warning: a corrupt entry\n"
