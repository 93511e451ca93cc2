"""The table of mistakes: each example is reported by its own row, once, and nothing else is."""

from __future__ import annotations

import pytest

from infopt_compiler.diagnostics import CODES, Input
from infopt_compiler.syntax import parse_recipe
from infopt_compiler.syntax.mistakes import MISTAKES, examples_of

EXAMPLES = [(mistake.code, text) for mistake in MISTAKES for text in examples_of(mistake)]


@pytest.mark.parametrize(("code", "text"), EXAMPLES)
def test_an_example_is_its_mistake(code, text):
    found = parse_recipe(Input("x", text))[1]
    assert [d.code for d in found] == [code]


@pytest.mark.parametrize(("code", "text"), EXAMPLES)
def test_what_follows_a_mistake_is_parsed(code, text):
    tree, found = parse_recipe(Input("x", f"{text}\ntarget cpu\nlet good = 1\nlet = 2\n"))
    assert {d.code for d in found} == {code, "E0109"}
    assert [s.name.text for s in tree.statements if type(s).__name__ == "Let" and s.name.text == "good"] == [
        "good"
    ]


def test_a_comma_in_a_range_is_no_decimal_comma():
    assert [d.code for d in parse_recipe(Input("x", "data a = b[0,60%]\n"))[1]] == ["E0113"]


def test_every_row_is_a_code():
    assert {mistake.code for mistake in MISTAKES} <= set(CODES)
    assert len({mistake.code for mistake in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize(
    ("text", "caret", "help"),
    [
        ("budget a { tpot.p50 <= 1,5 ms }", "1,5 ms", "write `1.5 ms`"),
        (
            "budget a { size <= 1,500 MB }",
            "1,500 MB",
            "write `1.500 MB`, or `1_500 MB` where thousands are meant",
        ),
        ("scenario a { rate = 0,5 req/s }", "0,5 req/s", "write `0.5 req/s`"),
        ("let a = -0,05 nats", "-0,05 nats", "write `-0.05 nats`"),
    ],
)
def test_a_decimal_comma(text, caret, help):
    (found,) = parse_recipe(Input("x", text + "\n"))[1]
    assert (found.code, found.span.text, found.help) == ("E0121", caret, help)


@pytest.mark.parametrize(
    "first",
    ["size <= <= 3 MB", "size = 3 MB,", "tpot.p50 <= 3 ms, size 3 MB", "size <= 3,5 MB, ttft.p95 = 1 s"],
)
def test_a_mistake_beside_the_bracket_hides_no_other_bound(first):
    tree, found = parse_recipe(
        Input("x", f"budget a {{ {first}\n    ttft.p50 = 2\n    latency.p50 <= 1 s\n}}\n")
    )
    assert "E0107" in [d.code for d in found] and found[-1].span.line == 2
    assert "latency.p50" in [line.metric.text for line in tree.statements[0].bounds.entries]


def test_a_budget_that_has_only_a_mistake_is_not_called_empty():
    tree, found = parse_recipe(Input("x", "budget a { size <= <= 3 }\n"))
    assert [d.code for d in found] == ["E0108"] and type(tree.statements[0]).__name__ == "Broken"
