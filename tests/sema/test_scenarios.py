"""Scenarios: modes, and what each of them reads."""

from __future__ import annotations

import pytest

from infopt_compiler.diagnostics import Input
from infopt_compiler.scenario import ScenarioMode
from infopt_compiler.sema import check_recipe

_HEAD = 'data prose = "python:pydoc_data.topics"\n'


def _check(settings: str, *overrides: str):
    return check_recipe(Input("r.opt", f"{_HEAD}scenario s {{ {settings} }}"), overrides)


def test_a_server_has_a_rate_a_concurrency_and_real_prompts():
    program, _ = _check(
        "mode = server, rate = 2 req/s, concurrency = 4, prompts = prose, generate = 16 tokens"
    )
    found = program.scenarios["s"]
    assert (found.mode, found.rate, found.concurrency, found.prompts) == (
        ScenarioMode.server,
        2.0,
        4,
        "prose",
    )


@pytest.mark.parametrize("mode", ["single", "batch", "offline"])
def test_the_other_modes_need_nothing(mode):
    program, _ = _check(f"mode = {mode}, batch = 4, generate = 0 tokens")
    assert program.scenarios["s"].mode.value == mode


@pytest.mark.parametrize(
    "settings, code, text",
    [
        ("mode = server", "E0310", "mode = server"),
        ("rate = 2 req/s", "E0310", "rate = 2 req/s"),
        ("mode = offline, concurrency = 2", "E0310", "concurrency = 2"),
        ("mode = server, rate = 2 req/s, batch = 2", "E0310", "batch = 2"),
        ("mode = serve", "E0306", "serve"),
        ("mode = serve, rate = 2 req/s, concurrency = 4", "E0306", "serve"),
        ("prompt = 0 tokens, context = 80 tokens", "E0304", "0 tokens"),
        ("mode = server, rate = 2", "E0302", "2"),
        ("prompts = prosa", "E0201", "prosa"),
        ('prompts = "prose"', "E0303", '"prose"'),
    ],
)
def test_what_a_mode_does_not_read_is_told(settings, code, text):
    program, found = _check(settings)
    wrong = [d for d in found if d.code == code]
    assert program is None and len(wrong) == 1 and text in wrong[0].span.text


def test_an_override_reaches_the_new_settings():
    program, _ = _check("mode = server, rate = 2 req/s", "scenario.s.rate=5req/s", "scenario.s.concurrency=8")
    assert (program.scenarios["s"].rate, program.scenarios["s"].concurrency) == (5.0, 8)


_BUDGET = 'model m = "hf:org/m"\nonnx = export(m)\nscenario s {{ mode = server, rate = 2 req/s }}\nbudget onnx under s {{ {} }}\n'


def test_a_bound_that_only_warns_is_no_limit_of_a_request():
    _, found = check_recipe(Input("r.opt", _BUDGET.format("goodput >= 1 req/s\n warn ttft.p95 <= 600 ms")))
    assert [d.code for d in found] == ["E0438"] and "warn" in found[0].help


def test_a_latency_bound_that_was_reported_is_not_missed():
    _, found = check_recipe(Input("r.opt", _BUDGET.format("goodput >= 1 req/s\n ttft.p95 <= 600 MB")))
    assert [d.code for d in found] == ["E0302"]


def test_goodput_needs_a_latency_bound():
    program, found = check_recipe(Input("r.opt", _BUDGET.format("goodput >= 1 req/s")))
    assert program is None and [d.code for d in found] == ["E0438"]
    program, found = check_recipe(Input("r.opt", _BUDGET.format("goodput >= 1 req/s\n ttft.p95 <= 600 ms")))
    assert program is not None and found == []


def test_a_percentile_of_the_best_requests_is_told():
    warned, fine = (
        check_recipe(Input("r.opt", _BUDGET.format(bound)))
        for bound in ("decode.p95 >= 20 tok/s", "decode.p50 >= 20 tok/s")
    )
    assert warned[0] is not None and [d.code for d in warned[1]] == ["E0444"]
    assert warned[1][0].span.text == "decode.p95"
    assert fine[1] == []
