"""The printer: parse(print(tree)) == tree, printing twice changes nothing, no comment is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infopt_compiler.diagnostics import Input
from infopt_compiler.syntax import ast, format_recipe, parse_recipe
from infopt_compiler.units import UNITS, Quantity

WORDS = st.sampled_from(
    ["a", "b1", "q_x", "chat", "on", "of", "vs", "warn", "size", "target2", "under", "confidence"]
)
NAMES = st.builds(ast.Name, WORDS)
METRICS = st.builds(ast.Name, st.sampled_from(["size", "ttft.p95", "kl.mean", "memory.peak"]))
VALUES = st.one_of(st.integers(-(10**9), 10**9).map(float), st.floats(-1e12, 1e12, allow_nan=False))
NUMBERS = st.builds(ast.Number, st.builds(Quantity, VALUES, st.sampled_from(list(UNITS.values()))))
TEXTS = st.builds(
    ast.Text, st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda t: "${" not in t)
)
SCALARS = st.one_of(NUMBERS, TEXTS, st.builds(ast.Word, WORDS))
COMMENTS = st.from_regex(r"#( [a-z\"{}(\[,#=]{1,8})?", fullmatch=True)
LIMITS = st.one_of(NUMBERS, st.builds(ast.Word, st.sampled_from(["fast", "small"])))


@st.composite
def trivia(draw, first):
    before = draw(st.lists(COMMENTS, max_size=2))
    blank = [""] if draw(st.booleans()) and not first else []
    return ast.Trivia((*blank, *before), draw(st.one_of(st.just(""), COMMENTS)))


def entries(make, most=3):
    @st.composite
    def build(draw):
        count = draw(st.integers(0, most))
        return tuple(draw(make(trivia(first=k == 0))) for k in range(count))

    return build()


def bounds(decoration):
    optional = st.one_of(st.none(), NAMES)
    at = st.one_of(st.none(), NUMBERS)
    operators = st.sampled_from(["<=", "<", ">=", ">"])
    return st.builds(
        ast.Bound, METRICS, operators, LIMITS, optional, optional, optional, at, st.booleans(), decoration
    )


PLAIN = st.just(ast.Trivia())
REQUIREMENTS = bounds(PLAIN).map(lambda b: ast.Bound(b.metric, b.operator, b.limit, b.of, b.on, b.vs, b.at))
ITEMS = st.one_of(SCALARS, REQUIREMENTS)
LISTS = st.lists(ITEMS, max_size=3).map(lambda items: ast.List(tuple(items)))


def named(value):
    return lambda decoration: st.builds(ast.Argument, NAMES, value, decoration)


def call_argument(decoration):
    positional = st.builds(ast.Argument, st.none(), st.one_of(SCALARS, LISTS), decoration)
    return st.one_of(positional, named(st.one_of(SCALARS, LISTS, REQUIREMENTS))(decoration))


SETTINGS = st.builds(ast.Arguments, entries(named(SCALARS)))
RANGES = st.one_of(st.none(), st.builds(ast.Range, SCALARS, SCALARS))


def statements(decoration):
    return st.one_of(
        st.builds(ast.GroupChoice, st.sampled_from(["target", "measure", "engine"]), NAMES, decoration),
        st.builds(ast.Model, NAMES, TEXTS, decoration),
        st.builds(
            ast.Data, NAMES, st.one_of(TEXTS, NAMES), RANGES, st.one_of(st.none(), SETTINGS), decoration
        ),
        st.builds(ast.Scenario, NAMES, SETTINGS, decoration),
        st.builds(ast.Let, NAMES, st.one_of(SCALARS, LISTS), decoration),
        st.builds(ast.Binding, NAMES, NAMES, st.builds(ast.Arguments, entries(call_argument, 4)), decoration),
        st.builds(
            ast.Budget,
            NAMES,
            st.builds(ast.Bounds, entries(bounds, 4)),
            st.one_of(st.none(), NAMES),
            st.one_of(st.none(), NAMES),
            st.one_of(st.none(), NUMBERS),
            decoration,
        ),
    )


RECIPES = st.builds(ast.Recipe, entries(statements, 5))


@settings(max_examples=120, deadline=None)
@given(RECIPES)
def test_parsing_what_was_printed_gives_the_same_tree(recipe):
    text = format_recipe(recipe)
    tree, found = parse_recipe(Input("x", text))
    assert found == []
    assert tree == recipe
    assert format_recipe(tree) == text


PIECES = st.sampled_from(
    ["let a = 1", "\n", "\n\n", " ", "# c\n", "#d", ",", "q = p(", ")", "{", "}", "scenario s {", "b = 2 ms", "budget q {",
     "size <= 1 MB", "on d", "[", "]", '"t"', "\r\n", "\t", "warn", "model m =", '"', "@", "é", "..", "5%"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_text_is_parsed_or_told_and_loses_no_comment(text):
    tree, found = parse_recipe(Input("x", text))
    for diagnostic in found:
        assert diagnostic.span is not None and 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
    if not found:
        printed = format_recipe(tree)
        assert re.findall(r"#[cd]", printed.replace(" ", "")) == re.findall(r"#[cd]", text.replace(" ", ""))
        again, none = parse_recipe(Input("y", printed))
        assert none == []
        assert format_recipe(again) == printed


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "cases" / "fmt").glob("*.txt")))
def test_canonical_text_stays(path):
    text = path.read_text("utf-8")
    assert format_recipe(parse_recipe(Input("x", text))[0]) == text


def test_entries_that_do_not_fit_take_a_line_each():
    text = "q = p(" + ", ".join(f"argument_{k} = {k}" for k in range(9)) + ")\n"
    printed = format_recipe(parse_recipe(Input("x", text))[0])
    assert printed.splitlines()[:2] == ["q = p(", "    argument_0 = 0,"]
