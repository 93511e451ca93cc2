"""What to do now, as sentences without statistics."""

from __future__ import annotations

from typing import Any

import pytest

from infopt_compiler.measure.settings import PRESETS
from infopt_compiler.report.next import Asked, next_lines, next_step, rounds_needed
from tests.report.conftest import bound

ASKED = Asked(("infopt-compile", "chat.opt", "q.bits=4", "measure.seconds=10"), PRESETS["quick"])
BUSY = {"busy_blocks": 5, "blocks": 7, "busy_share_others_most": 0.43, "notes": []}


def _open(**changes: Any) -> dict[str, Any]:
    return bound(verdict="inconclusive", **changes)


def _report(verdict: str, *bounds: dict[str, Any], **more: Any) -> dict[str, Any]:
    group = {"subject": "chat", "values": [], "machine_state": more.pop("state", {})}
    empty: dict[str, Any] = {"diagnostics": [], "artifacts": [], "graph": {}, "target": {"name": "h100"}}
    return {**empty, "verdict": verdict, "bounds": list(bounds), "measured": [group], **more}


def test_a_busy_machine_is_named_with_the_rounds_that_a_quiet_one_needs():
    few = _open(value=0.3, interval=[0.05, 0.7], blocks=7, samples=63)
    told = next_step(_report("inconclusive", few, state=BUSY), ASKED)
    assert told.why == "undecided: other programs used up to 43% of the cores in 5 of 7 rounds"
    assert told.do == "run again on a quiet machine, 14 rounds are needed"
    assert told.command == "infopt-compile chat.opt q.bits=4 measure.seconds=450"
    near = _open(value=0.5, interval=[0.05, 0.75], blocks=14, samples=126)
    told = next_step(_report("inconclusive", near, state=BUSY), ASKED)
    assert "88 rounds are needed" in told.do
    assert told.command is not None and told.command.endswith("measure.seconds=1420 measure.max_blocks=88")


def test_a_busy_machine_does_not_make_patience_settle_a_value_at_its_limit():
    near = _open(value=0.5999, interval=[0.5, 0.7], blocks=20, samples=180)
    told = next_step(_report("inconclusive", near, state=BUSY), ASKED)
    assert "rounds are needed" not in told.do
    assert (
        told.do
        == "run again on a quiet machine; if it stays undecided, move the limit of `ttft.p95 <= 600 ms`"
    )
    enough = _open(value=0.3, interval=[0.25, 0.4], blocks=20, samples=180)
    assert next_step(_report("inconclusive", enough, state=BUSY), ASKED).do == "run again on a quiet machine"


def test_two_budgets_on_one_metric_each_need_their_own_rounds():
    few = _open(budget="short", blocks=5, samples=45)
    near = _open(budget="long", value=0.5999, interval=[0.5, 0.7], blocks=20, samples=180)
    for bounds in ((few, near), (near, few)):
        told = next_step(_report("inconclusive", *bounds), ASKED)
        assert told.why == "undecided: 5 rounds fitted into the time allowed, `ttft.p95` needs about 14"


def test_too_few_rounds_ask_for_the_time_that_enough_of_them_take():
    few = _open(blocks=5, samples=45)
    told = next_step(_report("inconclusive", few), ASKED)
    assert told.why == "undecided: 5 rounds fitted into the time allowed, `ttft.p95` needs about 14"
    assert told.command == "infopt-compile chat.opt q.bits=4 measure.seconds=630"


def test_a_value_at_its_limit_is_not_worth_more_time():
    near = _open(value=0.6001, interval=[0.5, 0.7], blocks=20, samples=180)
    told = next_step(_report("inconclusive", near), ASKED)
    assert "too near to the limit of `ttft.p95 <= 600 ms`" in told.why and told.command is None


@pytest.mark.parametrize("state", [{}, BUSY])
def test_an_open_bound_on_text_is_told_with_the_text_whatever_the_machine_did(state):
    text = _open(metric="perplexity", on="heldout", limit=18.4, value=18.3, limit_raw="18.4", scenario=None)
    told = next_step(_report("inconclusive", text, state=state), ASKED)
    assert "the part of `heldout` that was read is too short" in told.why
    assert told.command is not None and told.command.endswith("measure.windows=0")


def test_a_missed_bound_names_the_parameter_that_moves_it():
    steps = [{"name": "q", "pass": "quantize", "parameters": {"bits": 8}}]
    size = bound(metric="size", limit=20e6, limit_raw="20 MB", value=98e6, verdict="missed")
    told = next_step(_report("missed", size, graph={"steps": steps}), ASKED)
    assert told.why == "`size <= 20 MB`: 98 MB is 4.9× the limit"
    assert told.command == "infopt-compile chat.opt measure.seconds=10 q.bits=4"
    slow = bound(metric="tpot.p50", value=0.9, verdict="missed")
    assert next_step(_report("missed", slow, graph={"steps": steps}), ASKED).command is None


def test_met_predicted_and_failed_say_what_is_next():
    ships = [{"path": "artifact"}]
    assert (
        next_step(_report("met", bound(), artifacts=ships), ASKED).do == "ship `artifact` of the run's folder"
    )
    warned = bound(severity="warn", verdict="missed", value=0.9)
    assert "warn ttft.p95" in next_step(_report("met", warned), ASKED).why
    predicted = next_step(_report("predicted", bound(verdict="predicted")), ASKED)
    assert predicted.command is not None and predicted.command.endswith("--predict-only")
    wrong = {"severity": "error", "code": "E0601", "message": "no `grop`", "help": "did you mean `group`?"}
    span = {"file": "chat.opt", "line": 7, "column": 3}
    told = next_step(_report("failed", diagnostics=[{**wrong, "span": span}]), ASKED)
    assert told.why == "chat.opt:7:3: no `grop`" and told.do.startswith("did you mean `group`?")
    assert next_lines(told.to_json())[-1] == "    infopt-compile chat.opt q.bits=4 measure.seconds=10"


def test_rounds_come_from_the_percentile_and_from_the_spread_that_was_seen():
    assert rounds_needed(bound(metric="tpot.p50", blocks=2, samples=18)) == 5
    assert rounds_needed(bound(blocks=2, samples=4)) == 30  # 59 requests, two in a round
    wide = bound(metric="tpot.p50", value=0.5, interval=[0.3, 0.7], blocks=8, samples=72)
    assert rounds_needed(wide) == 32
