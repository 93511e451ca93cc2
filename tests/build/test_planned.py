"""The plan as text: as wide as the terminal, what explains it once, facts without a range."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from infopt_compiler.build.planned import plan_text
from infopt_compiler.passes.base import Outline
from infopt_compiler.plan import Outlook, Plan, PlanBound, PlanStep, State
from infopt_compiler.targets import SeenError

JOB = SimpleNamespace(engine={"color": False})
LONG = "perplexity <= 105% of a_long_name_of_a_base on a_long_name_of_held_out_text at 99% confidence"
SEEN = {"seconds": SeenError(0.08, 5), "disk_bytes": SeenError(11.0, 4)}


def plan(**more) -> Plan:
    steps = (
        PlanStep("smollm2", "import", "model", State.cached, (), 23.0, 1.2e9, 6e8),
        PlanStep(
            "a_long_name_of_a_binding",
            "quantize",
            "pass",
            State.run,
            ("`bits`: 4 → 8",),
            95.0,
            1.2e9,
            1e8,
            seen=SEEN,
        ),
        PlanStep("onnx", "export", "pass", State.run, ("`bits`: 4 → 8",), 95.0, 1.2e9, 1e8),
        PlanStep("chat", "tune", "pass", State.follows, ("`onnx` is made anew",), 1.0, 1.0, 1.0),
    )
    why = "the shapes of the model are not known before it is fetched, which is said once"
    bounds = (
        PlanBound("chat", "chat", "perplexity", LONG, "error", Outlook.unknown, why),
        PlanBound("chat", "chat", "kl.mean", "kl.mean <= 0.05 nats", "warn", Outlook.unknown, why),
        PlanBound("chat", "chat", "tpot.p50", "tpot.p50 <= 12 ms", "error", Outlook.meets, "reads", 0.012, 0.01, 0.005, 0.02, seen=SEEN["disk_bytes"]),
        PlanBound("chat", "chat", "size", "size <= 2 MB", "error", Outlook.meets, "stored", 2e6, 176_123.0, 176_123.0, 176_123.0),
        PlanBound("chat", "chat", "memory.peak", "memory.peak <= 1 kB", "error", Outlook.unreachable, "the weights alone take 100 MB", 1e3),
    )  # fmt: skip
    return Plan("chat", "cpu", steps, bounds, **more)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(width):
    columns = tuple(f"column {number}" for number in range(12))
    outline = Outline("meshes " * 15, columns, (("a figure",) * 12, tuple(f"{number}4.4 GB: 35.3 weights, 6.04 KV" for number in range(12))), ("a note " * 20,))  # fmt: skip
    lines = plan_text(plan(outlines={"parts": outline}), JOB, width).splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert (
        all(f"{number}4.4 GB: 35.3 weights, 6.04 KV" in text for number in range(12))
        and text.count("column 0") > 1
    ), "no figure is cut"
    for figure in ("1.2 GB", "1.6 min ±8%", "100 MB ×12", "10 ms ×12", "5 ms … 20 ms"):
        assert figure in text, figure


def test_the_width_is_the_terminals_and_a_hundred_without_one(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert plan_text(plan(), JOB) == plan_text(plan(), JOB, 80)
    monkeypatch.delenv("COLUMNS")
    assert plan_text(plan(), JOB) == plan_text(plan(), JOB, 100)


def test_what_explains_is_said_once_and_a_fact_has_no_range():
    text = plan_text(plan(), JOB, 100)
    assert text.count("not known before it is") == 1 and text.count("`bits`: 4 → 8") == 1
    assert "a_long_name_of_a_binding, onnx: `bits`: 4 → 8" in text and "is made anew" not in text
    assert "176.1 kB" in text and "exact" in text and "±, ×: how far off" in text
    assert "chat: `memory.peak <= 1 kB` is out of reach on cpu: the weights alone take 100 MB" in text


def test_time_to_measure_is_said_where_there_is_some():
    assert "of measuring" not in plan_text(plan(), JOB, 100)
    assert "; then up to 5 min of measuring" in plan_text(plan(measure_seconds=300.0), JOB, 100)
