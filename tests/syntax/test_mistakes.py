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


def test_every_row_is_a_code():
    assert {mistake.code for mistake in MISTAKES} <= set(CODES)
    assert len({mistake.code for mistake in MISTAKES}) == len(MISTAKES)
