"""Parsing: spans, recovery, fragments."""

from __future__ import annotations

import pytest

from infopt_compiler.diagnostics import Input
from infopt_compiler.syntax import ast, format_bound, parse_bound, parse_recipe
from infopt_compiler.units import parse_quantity


def parse(text):
    return parse_recipe(Input("x", text))


def test_every_node_has_its_span():
    text = (
        'let a = 1\nq = p(b, c = [1 ms, "d"])\nbudget q as r { warn kl.mean <= 5% of b vs c on d at 99% }\n'
    )
    tree, found = parse(text)
    assert found == []
    let, call, budget = tree.statements
    assert let.span.text == "let a = 1"
    assert call.call.span.text == "p"
    assert call.arguments.span.text == '(b, c = [1 ms, "d"])'
    second = call.arguments.entries[1]
    assert (second.span.text, second.value.items[0].span.text) == ('c = [1 ms, "d"]', "1 ms")
    bound = budget.bounds.entries[0]
    assert bound.span.text == "warn kl.mean <= 5% of b vs c on d at 99%"
    names = [bound.metric, bound.of, bound.vs, bound.on, budget.alias]
    assert [name.span.text for name in names] == ["kl.mean", "b", "c", "d", "r"]


def test_a_number_and_its_unit_are_one_token_on_one_line():
    tree, _ = parse(
        "budget b { size <= 110 MB tpot.p50 <= 12ms perplexity <= 18 on d bits_per_weight <= 5 latency.p50 <= 1 s }"
    )
    limits = [str(line.limit.quantity) for line in tree.statements[0].bounds.entries]
    assert limits == ["110 MB", "12 ms", "18", "5", "1 s"]


@pytest.mark.parametrize(
    "clauses", ["of a on b vs c at 99%", "at 99% vs c on b of a", "on b at 99% confidence of a vs c"]
)
def test_clauses_in_any_order(clauses):
    bound = parse_bound(f"top1 >= 5% {clauses}")
    assert (bound.of.text, bound.on.text, bound.vs.text, str(bound.at.quantity)) == ("a", "b", "c", "99%")
    assert format_bound(bound) == "top1 >= 5% of a vs c on b at 99% confidence"


@pytest.mark.parametrize("text", ["size", "size <= 1 MB size <= 2 MB", "3", ""])
def test_what_is_no_bound(text):
    with pytest.raises(ValueError, match="is not a bound"):
        parse_bound(text)


def test_keywords_are_words_where_no_statement_begins():
    tree, found = parse(
        "q = p(on, in = 1, target = model, budget = let)\nscenario data { on = 1, warn = 2 }\n"
    )
    assert found == []
    assert [entry.name.text for entry in tree.statements[0].arguments.entries[1:]] == [
        "in",
        "target",
        "budget",
    ]


def test_numbers():
    tree, found = parse("let a = [-1, +2.5, 1_000, .5, 1e-3 s, 5%, -3 ms]")
    assert found == []
    values = [item.quantity.base for item in tree.statements[0].value.items]
    assert values == [-1, 2.5, 1000, 0.5, 1e-3, 0.05, -0.003]


def test_a_statement_behind_an_unclosed_bracket_is_found():
    tree, found = parse('q = p(a,\n  b = 1\nmodel m = "file:x"\nr = p(q)\n')
    assert [d.code for d in found] == ["E0102"]
    assert [type(s).__name__ for s in tree.statements] == ["Binding", "Model", "Binding"]
    assert tree.statements[0].arguments.entries[1].value == ast.Number(parse_quantity("1"))


def test_a_wrong_line_in_a_block_takes_no_other_with_it():
    tree, found = parse(
        "budget b {\n  size <= 1 MB\n  kl.mean == 2\n    vs a\n    on d\n  load.p50 <= 1 s\n}\n"
    )
    assert [(d.code, d.span.line) for d in found] == [("E0107", 3)]
    assert [line.metric.text for line in tree.statements[0].bounds.entries] == ["size", "load.p50"]
    assert tree.statements[0].bounds.entries[0].on is None


def test_a_broken_statement_keeps_its_name():
    tree, _ = parse("model m = file:x\nq = p(a = = 1)\n")
    assert [s.name.text for s in tree.statements] == ["m", "q"]
    assert all(isinstance(s, ast.Broken) for s in tree.statements)


def test_a_long_wrong_text_ends():
    _, found = parse("budget b {\n" + "  size = 1\n" * 500 + "}\n")
    assert 0 < len(found) <= 51
    _, found = parse("(" * 5000)
    assert len(found) == 1


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n", "\ufeff", "\ufeff# x"])
def test_empty_recipes(text):
    tree, found = parse(text)
    assert (tree.statements, found) == ((), [])
