from __future__ import annotations

import re
from io import StringIO

import pytest

from infopt_compiler.report import progress as module
from infopt_compiler.report.progress import Progress


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


STEPS = {"base": 0.0, "q": 40.0, "onnx": 20.0, "budget chat": 100.0}


def test_without_a_terminal_a_line_a_step_and_a_minute_with_what_is_left_of_all(clock):
    out = StringIO()
    progress = Progress(out, terminal=False)
    progress.expect(STEPS)
    progress.step_cached("base")
    progress.step_started("q", "quantize")
    clock.now = 30.0
    progress.progress(1, 8, "layer 1")
    clock.now = 60.0
    progress.progress(6, 8, "layer 6")  # 60 s for three quarters: 20 s left of it, 20 and 100 s of the others
    clock.now = 80.0
    progress.step_finished("q", 80.0)  # twice what was expected: so will the next be
    progress.step_started("onnx", "export")
    clock.now = 140.0
    progress.progress(0, 0, "building")
    assert out.getvalue().splitlines() == [
        "[1/4] base: cached",
        "[2/4] q 75%, 2 min 20 s left · layer 6",
        "[2/4] q: 1 min 20 s",
        "[3/4] onnx, 3 min 20 s left · building",
    ]


def test_phases_of_a_budget_stand_below_it(clock):
    out = StringIO()
    progress = Progress(out, terminal=False)
    progress.expect(STEPS)
    progress.step_started("budget chat", "measuring")
    progress.progress(0, 60, "requests · serving chat, block 1")
    clock.now = 61.0
    progress.progress(30, 60, "requests · serving chat, block 2")
    clock.now = 90.0
    progress.progress(0, 4, "text · scoring chat")
    clock.now = 95.0
    progress.step_finished("budget chat", 95.0)
    assert out.getvalue().splitlines() == [
        "[4/4] budget chat · requests 50%, 1 min 01 s left · serving chat, block 2",
        "    requests: 1 min 30 s",
        "    text: 5.0 s",
        "[4/4] budget chat: 1 min 35 s",
    ]


def test_a_terminal_line_is_cut_to_its_width_and_cleared(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out = StringIO()
    progress = Progress(out, terminal=True)
    progress.expect(STEPS)
    progress.step_started("q", "quantize")
    progress.progress(1, 2, "a message that is longer than any terminal of forty columns")
    shown = re.split(r"\r\x1b\[K", out.getvalue())
    assert len(shown) == 3 and max(map(len, shown)) == 39
    progress.step_finished("q", 3.25)
    assert out.getvalue().endswith("\r\x1b[K[2/4] q: 3.2 s\n")
    progress.step_started("onnx", "export")
    progress.clear()
    assert out.getvalue().endswith("\r\x1b[K")
    progress.clear()
    assert out.getvalue().count("\x1b[K") == 5


def test_what_is_not_known_is_not_counted(clock):
    out = StringIO()
    progress = Progress(out, terminal=True)
    progress.expect({"q": None, "onnx": None, "chat": 30.0})
    progress.step_started("q", "quantize")
    assert out.getvalue().endswith("[1/3] q: quantize, over 30 s left")


def test_quiet_tells_warnings_only(clock):
    out = StringIO()
    progress = Progress(out, terminal=False, quiet=True)
    progress.step_started("q", "quantize")
    progress.step_cached("q")
    progress.step_finished("q", 1.0)
    progress.warning("a corrupt entry")
    assert out.getvalue() == "warning: a corrupt entry\n"
