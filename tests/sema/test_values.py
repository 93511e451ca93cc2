"""E03xx: types, units and ranges."""

from __future__ import annotations

import pytest

from tests.sema.recipes import GOOD, changed, check

TABLE = [
    ("bits = 4", "bits = 4 ms", "E0302", "4 ms"),
    ("bits = 4", 'bits = "4"', "E0303", '"4"'),
    ("bits = 4", "bits = [4]", "E0303", "[4]"),
    ("bits = 4", "bits = 5", "E0305", "5"),
    ("bits = 4", "bits = 4.5", "E0309", "4.5"),
    ("bits = 4", "bits = four", "E0201", "four"),
    ("group = 32", "group = 4", "E0304", "4"),
    ("group = 32", "group = -32", "E0304", "-32"),
    ("group = 32", "group = 2048", "E0304", "2048"),
    ("group = 32", "damp = 1.5", "E0304", "1.5"),
    ("group = 32", "order = 1", "E0303", "1"),
    ("group = 32", "order = yes", "E0303", "yes"),
    ("group = 32", "layers = 3", "E0303", "3"),
    ("group = 32", "layers = [3, x]", "E0201", "x"),
    ("group = 32", "layers = [3, -1]", "E0304", "-1"),
    ("method = gptq", 'method = "gptq"', "E0303", '"gptq"'),
    ("method = gptq", "method = 3", "E0303", "3"),
    ("shrink(best", "shrink(3", "E0303", "3"),
    ("format = onnx", "format = onnx, label = x", "E0201", "x"),
    ("format = onnx", "format = onnx, label = 3", "E0303", "3"),
    ("under = assistant", "under = assistant, time = 30 MB", "E0302", "30 MB"),
    ("under = assistant", "under = assistant, time = 30", "E0302", "30"),
    ("prompt = 128 tokens", "prompt = 128 ms", "E0302", "128 ms"),
    ("prompt = 128 tokens", "prompt = 0", "E0304", "0"),
    ("prompt = 128 tokens", "prompt = 1.5", "E0309", "1.5"),
    ("batch = 1", "context = 100", "E0304", "context = 100"),
    ("batch = 1", "utilization = 120%", "E0304", "120%"),
    ("window = 512 tokens, ", "window = 512 samples, ", "E0302", "512 samples"),
    ("sample = 64", "field = text", "E0201", "text"),
    ("0% .. 60%", "60% .. 0%", "E0307", "[60% .. 0%]"),
    ("0% .. 60%", "0% .. 160%", "E0307", "160%"),
    ("0% .. 60%", "0 .. 60%", "E0302", "0"),
    ("<= 600 ms", "<= 600 MB", "E0302", "600 MB"),
    ("<= 600 ms", "<= 600", "E0302", "600"),
    ("<= 600 ms", "<= 600 parsecs", "E0301", "600 parsecs"),
    ("<= 600 ms", "<= 600 sec", "E0301", "600 sec"),
    ("<= 600 ms", "<= -600 ms", "E0308", "-600 ms"),
    ("<= 600 ms", "<= 1e999 ms", "E0308", "1e999 ms"),
    ('"pypi:tiny==1.0#tiny.gguf"', '"https://x"', "E0600", '"https://x"'),
    ('"pypi:tiny==1.0#tiny.gguf"', '"models/tiny"', "E0600", '"models/tiny"'),
    ('"pypi:tiny==1.0#tiny.gguf"', '"${oc.env:HOME}"', "E0122", '"${oc.env:HOME}"'),
]


@pytest.mark.parametrize(("old", "new", "code", "caret"), TABLE)
def test_values(old, new, code, caret):
    outcome = changed(old, new)
    assert [(d.code, d.span.text) for d in outcome.found] == [(code, caret)]


def test_the_caret_of_a_wrong_unit_is_at_the_number():
    only = changed("<= 110 MB", "<= 50 ms").only
    assert (only.span.line, only.span.column, only.span.text) == (12, 13, "50 ms")
    assert "`110 MB`" in only.help


def test_a_rate_written_as_a_quotient_is_a_unit():
    only = changed("size <= 110 MB", "throughput >= 80 tokens/s").only
    assert only.help == "did you mean `tok/s`?"


def test_plain_values():
    outcome = changed("group = 32", "group = 3_2, order = false, damp = 0.5, layers = [1, 2]")
    parameters = outcome.good.nodes["q"].parameters
    assert parameters == {
        "method": "gptq",
        "bits": 4,
        "group": 32,
        "order": False,
        "damp": 0.5,
        "layers": [1, 2],
    }
    assert isinstance(parameters["group"], int) and parameters["order"] is False


def test_quantities_are_canonical_texts():
    outcome = changed("under = assistant", "under = assistant, time = 30_000ms, context = 256")
    assert outcome.good.nodes["chat"].parameters == {"time": "30000 ms", "context": "256 tokens"}


def test_requirements_are_canonical_texts():
    outcome = changed("prefer = smallest", "prefer = smallest, require = perplexity<=18")
    assert outcome.good.nodes["best"].parameters["require"] == ["perplexity <= 18"]
    outcome = changed("prefer = smallest", "require = [perplexity <= 18.0, size < 1.5 GB]")
    assert outcome.good.nodes["best"].parameters["require"] == ["perplexity <= 18", "size < 1.5 GB"]


@pytest.mark.parametrize(
    ("value", "code", "caret"),
    [
        ("18", "E0303", "18"),
        ("perplexitty <= 18", "E0420", "perplexitty"),
        ("perplexity <= 18 ms", "E0302", "18 ms"),
        ("perplexity <= 18 on heldout", "E0426", "heldout"),
        ("kl.mean <= 1 nats", "E0426", "kl.mean"),
        ("[size <= 1 MB, 3]", "E0303", "3"),
    ],
)
def test_wrong_requirements(value, code, caret):
    only = changed("prefer = smallest", f"require = {value}").only
    assert (only.code, only.span.text) == (code, caret)


def test_utilization_is_a_share_in_both_ways_of_writing():
    assert changed("batch = 1", "utilization = 80%").good.scenarios["assistant"].utilization == 0.8


def test_escapes():
    data = 'data a = "hf:datasets/a/b#a\\\\b\\"c\\u00e4"\n'
    assert check(data).good.data["a"].source == 'hf:datasets/a/b#a\\b"cä'
    assert check('model a = "file:\\q"\n').only.code == "E0104"
    assert check('model a = "file:\\ud800"\n').only.code == "E0104"


def test_strings_are_data():
    text = GOOD.replace("format = onnx", "format = onnx, label = \"__import__('os').system('x') {{7*7}} %s\"")
    label = check(text).good.nodes["onnx"].parameters["label"]
    assert label == "__import__('os').system('x') {{7*7}} %s"


def test_of_a_scenario_with_a_wrong_setting_nothing_else_is_said():
    text = GOOD.replace("batch = 1 }", "mode = server, rate = 5 qps }")
    text = text.replace("ttft.p95 <= 600 ms", "ttft.p95 <= 600 ms\n    goodput >= 3 req/s")
    assert check(text).only.code == "E0301"


def test_a_unit_is_no_part_of_a_settings_name():
    told = check(GOOD.replace("prompt = 128 tokens", "prompt_tokens = 128")).found[0]
    assert (told.code, told.help) == ("E0209", "did you mean `prompt`?")


@pytest.mark.parametrize(
    ("old", "new", "code", "help"),
    [
        ("105% of best", "1.1x of best", "E0301", "write `110%`"),
        ("<= 0.10 USD/Mtok", "<= $0.5/Mtok", "E0111", "write a price as `0.5 USD/Mtok` or `0.2 USD/h`"),
        (
            '"python:pydoc_data.topics"',
            "\u201cpython:x\u201d",
            "E0111",
            "strings take straight double quotes",
        ),
        ("bits = 4,", "bits = [4, 8],", "E0303", "`-m BINDING.bits=4,8`"),
        ("calibrate = calib", "calibrate = null", "E0201", "leave `calibrate` out"),
        ("seed = 0", "field = text", "E0201", 'write `field = "text"`'),
    ],
)
def test_a_value_of_elsewhere_says_what_to_write(old, new, code, help):
    told = [d for d in changed(old, new).found if d.code == code]
    assert told and help in (told[0].help or ""), changed(old, new).found
