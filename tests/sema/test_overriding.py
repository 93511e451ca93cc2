"""Overrides: the same checks, the same codes, spans in the argument."""

from __future__ import annotations

import pytest

from infopt_compiler.units import parse_quantity
from tests.sema.recipes import GOOD, check


def test_parameters():
    outcome = check(
        GOOD, "q.bits=8", "+q.order=false", "++best.gain=5%", "onnx.label=some-name", "q.method='rtn'"
    )
    assert outcome.codes == ["E0303"]  # a quoted word is a string
    program = check(GOOD, "q.bits=8", "+q.order=false", "++best.gain=5%", "onnx.label=plain").good
    assert program.nodes["q"].parameters == {"method": "gptq", "bits": 8, "group": 32, "order": False}
    assert program.nodes["best"].parameters["gain"] == "5%"
    assert program.nodes["onnx"].parameters["label"] == "plain"
    assert program.nodes["q"].spans["bits"].input.name == "<override 1>"
    assert program.nodes["q"].spans["bits"].text == "8"


@pytest.mark.parametrize("value", ["some-name", "a/b.c:d", "'two words'", '"quoted"'])
def test_strings_need_no_quotes(value):
    assert check(GOOD, f"onnx.label={value}").good.nodes["onnx"].parameters["label"] == value.strip("'\"")


def test_artifacts():
    text = GOOD.replace("model base", 'model other = "hf:a/b"\nmodel base')
    program = check(text, "q.model=other").good
    assert program.nodes["q"].inputs == {"model": ("other",), "calibrate": ("calib",)}
    program = check(text, "best.candidates=[base, other]").good
    assert program.nodes["best"].inputs["candidates"] == ("base", "other")
    assert check(text, "best.candidates=other").good.nodes["best"].inputs["candidates"] == ("other",)


def test_declarations():
    program = check(
        GOOD, "calib.sample=16", "base.source=hf:x", "scenario.assistant.prompt=256", "target=h100"
    ).good
    assert program.data["calib"].spec.sample == 16
    assert program.models["base"].source == "hf:x"
    assert program.models["base"].span.text == "hf:x", "what is wrong with the source is told at the override"
    assert program.scenarios["assistant"].prompt == 256
    assert program.target == "h100"
    assert check("target cpu\n" + GOOD, "target=h100", "measure=quick").good.target == "h100"


def test_limits():
    text = GOOD.replace("warn cost", "warn ttft.p50 <= 90% of onnx at 99%\nwarn cost")
    program = check(
        text,
        "budget.chat.ttft.p95=300ms",
        "budget.chat.size='120 MB'",
        "budget.chat.perplexity=110%",
        "budget.chat.ttft.p50=200 ms",
        "budget.chat.kl.mean=0.1 nats",
    ).good
    ttft, size, perplexity, kl, median, cost = program.budgets["chat"].bounds
    assert (ttft.limit, ttft.operator.value) == (parse_quantity("300 ms"), "<=")
    assert size.limit == parse_quantity("120 MB")
    assert (perplexity.limit, perplexity.relative_to, perplexity.on) == (
        parse_quantity("110%"),
        "best",
        "heldout",
    )
    assert (kl.limit, kl.reference) == (parse_quantity("0.1 nats"), "best")
    assert (median.limit, median.relative_to, median.confidence) == (parse_quantity("200 ms"), None, 0.99)
    assert median.severity.value == cost.severity.value == "warn"
    assert check(GOOD, "budget.chat.perplexity=18").good.budgets["chat"].bounds[2].relative_to is None
    other = check(GOOD, "budget.chat.perplexity=110% of base").good.budgets["chat"].bounds[2]
    assert other.relative_to == "base"


def test_deleting():
    program = check(GOOD, "~budget.chat.cost", "~q.calibrate", "~q.bits").good
    assert [bound.metric for bound in program.budgets["chat"].bounds] == ["ttft", "size", "perplexity", "kl"]
    assert program.nodes["q"].parameters == {"method": "gptq", "group": 32}
    assert "calibrate" not in program.nodes["q"].inputs


def test_lets():
    text = GOOD.replace("model base", "let most = 600 ms\nmodel base").replace("<= 600 ms", "<= most")
    program = check(text, "most=1 s").good
    assert program.budgets["chat"].bounds[0].limit.base == 1.0


def test_every_value_of_a_sweep_is_checked():
    assert check(GOOD, "q.bits=4,8", "q.group=range(32,35)").good.nodes["q"].parameters["bits"] == 4
    outcome = check(GOOD, "q.bits=4,5,8,6", "q.method=choice(rtn,awq)", "target=cpu,h101")
    assert [(d.code, d.span.text) for d in outcome.found] == [
        ("E0305", "5"),
        ("E0305", "6"),
        ("E0306", "awq"),
        ("E0211", "h101"),
    ]


TABLE = [
    ("q.bitz=8", "E0203", "q.bitz", "did you mean `bits`?"),
    ("+q.bitz=8", "E0203", "q.bitz", "did you mean `bits`?"),
    ("++q.bitz=8", "E0203", "q.bitz", "did you mean `bits`?"),
    ("q.bits=5", "E0305", "5", None),
    ("q.bits=4 ms", "E0302", "4 ms", None),
    ("q.bits=4x", "E0301", "4x", None),
    ("q.bits=eight", "E0201", "eight", None),
    ("q.bits='4'", "", "", None),
    ("q.method=gptk", "E0306", "gptk", "did you mean `gptq`?"),
    ("q.model=onnx", "E0205", "onnx", None),
    ("q=foo", "E0562", "q", "q.NAME=VALUE"),
    ("~q", "E0562", "q", None),
    ("~budget.chat", "E0562", "budget.chat", None),
    ("budget=x", "E0562", "budget", None),
    ("~target", "E0562", "target", None),
    ("target=h1000", "E0211", "h1000", "did you mean `h100`?"),
    ("x.bits=8", "E0563", "x.bits", None),
    ("quantise.bits=8", "E0563", "quantise.bits", None),
    ("assistant.prompt=8", "E0563", "assistant.prompt", "scenario.assistant.prompt"),
    ("scenario.asistant.prompt=8", "E0563", "scenario.asistant.prompt", "did you mean `assistant`?"),
    ("scenario.assistant.promt=8", "E0209", "scenario.assistant.promt", "did you mean `prompt`?"),
    ("calib.sampel=8", "E0209", "calib.sampel", "did you mean `sample`?"),
    ("base.sorce=x", "E0563", "base.sorce", "source"),
    ("base.source=x", "E0600", "x", None),
    ("budget.chatt.size=1 MB", "E0563", "budget.chatt.size", "did you mean `chat`?"),
    ("budget.chat.ttft=1 ms", "E0564", "budget.chat.ttft", "did you mean `ttft.p95`?"),
    ("+budget.chat.latency.p50=1 ms", "E0564", "budget.chat.latency.p50", None),
    ("budget.chat.size=1 ms", "E0302", "1 ms", None),
    ("budget.chat.size=<= 3 MB", "E0100", "<=", None),
    ("~q.order", "E0565", "q.order", None),
    ("~base.source", "E0565", "base.source", None),
    ("~q.model", "E0402", "shrink", None),
    ("base.source=${oc.env:HOME}", "E0504", "${", None),
    ("q.bits", "E0560", "q.bits", "q.bits=VALUE"),
    ("q.bits=", "E0560", "q.bits=", None),
    ("q.bits=4,,8", "E0560", ",", None),
    ("~q.bits=4", "E0560", "~q.bits=4", None),
    ("q/bits=4", "E0560", "q/bits", None),
    ("q.bits=glob(*)", "E0561", "glob", None),
    ("q.bits=range(x)", "E0561", "x", None),
]


@pytest.mark.parametrize(("override", "code", "caret", "help"), TABLE)
def test_refused(override, code, caret, help):
    outcome = check(GOOD, override)
    if not code:
        assert outcome.found == []
        return
    only = outcome.only
    assert (only.code, only.span.text) == (code, caret)
    assert only.span.input.name == "<override 1>" or code == "E0402"
    if help is not None:
        assert help in only.help


@pytest.mark.parametrize(
    ("override", "at", "help"),
    [
        ("budget.chat.size=+10 MB", "+10 MB", "write `10 MB`"),
        ("budget.chat.perplexity=+10% of best", "+10%", "write `110% of best`"),
        ("budget.chat.perplexity=+10%", "+10%", "write `10%`, or `N% of NAME` for that much more"),
    ],
)
def test_a_limit_has_no_plus_in_front(override, at, help):
    told = check(GOOD, override).only
    assert (told.code, told.span.text, told.help) == ("E0118", at, help)


@pytest.mark.parametrize(
    ("override", "code", "at", "help"),
    [
        ("q.bits==8", "E0560", "==", "write `q.bits=8`"),
        ("bits=8", "E0563", "bits", "write `q.bits=8`"),
        ("+group=64", "E0563", "group", "write `q.group=64`"),
    ],
)
def test_what_is_nearly_an_override_says_how_it_is_written(override, code, at, help):
    told = check(GOOD, override).only
    assert (told.code, told.span.text, told.help) == (code, at, help)
