"""Passes from plain values and back."""

from __future__ import annotations

import pytest

from infopt_compiler.passes.instance import make_pass, parameters_of
from infopt_compiler.passes.registry import find_pass, pass_names
from infopt_compiler.passes.select import Prefer, Select


def test_words_become_members_and_lists_stay():
    made = make_pass(Select, {"prefer": "best", "require": ["perplexity <= 18"]})
    assert made == Select(prefer=Prefer.best, require=["perplexity <= 18"])
    assert parameters_of(made)["prefer"] == "best"


@pytest.mark.parametrize("name", pass_names())
def test_every_pass_survives_the_way_there_and_back(name):
    cls = find_pass(name)
    plain = parameters_of(cls())
    assert make_pass(cls, plain) == cls() and parameters_of(make_pass(cls, plain)) == plain
