"""The table of habits: each example is told once, at the sign that is to blame, with the help that its row names."""

from __future__ import annotations

import pytest

from infopt_compiler.diagnostics import CODES, Input
from infopt_compiler.syntax import ast, parse_recipe
from infopt_compiler.syntax.habits import HABITS

EXAMPLES = [(habit.code, text, help) for habit in HABITS for text, help in habit.examples]


@pytest.mark.parametrize(("code", "text", "help"), EXAMPLES)
def test_an_example_is_told_once(code, text, help):
    found = parse_recipe(Input("x", text + "\n"))[1]
    assert [(d.code, d.help) for d in found] == [(code, help)], found


@pytest.mark.parametrize(("code", "text", "help"), EXAMPLES)
def test_what_follows_is_parsed(code, text, help):
    tree, found = parse_recipe(Input("x", f"let first = 1\n{text}\nlet good = 1\n"))
    assert [d.code for d in found] == [code]
    lets = [s.name.text for s in tree.statements if isinstance(s, ast.Let)]
    assert (lets[0], lets[-1]) == ("first", "good")


def test_every_row_is_a_code_and_has_examples():
    assert {habit.code for habit in HABITS} <= set(CODES)
    assert all(habit.examples for habit in HABITS)
