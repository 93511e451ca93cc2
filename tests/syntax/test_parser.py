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
    tree, found = parse("let a = [-1, 2.5, 1_000, .5, 1e-3 s, 5%, -3 ms]")
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


def warns(text):
    """Of each bound its metric and whether it only warns; and what was told of the text."""
    tree, found = parse(text)
    return [(line.metric.text, line.warn) for line in tree.statements[0].bounds.entries], found


BEHIND = [
    "budget b {\n  size <= 5 MB warn\n  perplexity <= 18\n}\n",
    "budget b {\n  size <= 5 MB, warn\n  perplexity <= 18\n}\n",
    "budget b {\n  size <= 5 MB warn,\n  perplexity <= 18\n}\n",
    "budget b { size <= 5 MB warn, perplexity <= 18 }\n",
    "budget b {\n  size <= 5 MB warn  # later\n\n  perplexity <= 18\n}\n",
]


@pytest.mark.parametrize("text", BEHIND)
def test_a_warn_behind_its_bound_is_told_and_disarms_no_other(text):
    bounds, (told,) = warns(text)
    assert (told.code, told.span.text, told.help) == ("E0123", "warn", "write `warn size <= 5 MB`")
    assert bounds == [("size", True), ("perplexity", False)]


def test_a_warn_behind_the_last_bound():
    bounds, (told,) = warns("budget b {\n  size <= 5 MB\n  perplexity <= 18 warn\n}\n")
    assert told.help == "write `warn perplexity <= 18`"
    assert bounds == [("size", False), ("perplexity", True)]


def test_a_warn_on_a_line_of_its_own():
    bounds, (told,) = warns("budget b {\n  size <= 5 MB\n  warn\n  perplexity <= 18\n}\n")
    assert (told.code, told.help) == ("E0123", "write `warn perplexity <= 18`")
    assert bounds == [("size", False), ("perplexity", True)]


def test_a_warn_between_two_bounds_of_a_line_needs_a_comma():
    _, (told,) = warns("budget b { size <= 5 MB warn perplexity <= 18 }\n")
    assert (told.code, told.help) == ("E0123", "put a comma in front: `, warn perplexity <= 18`")
    bounds, found = warns("budget b { size <= 5 MB, warn perplexity <= 18 }\n")
    assert (bounds, found) == ([("size", False), ("perplexity", True)], [])


@pytest.mark.parametrize(
    ("bound", "piece"),
    [
        ("perplexity <= 109% of a\n  on d", "on d"),
        ("perplexity <= 109%\n  of a on d", "of a"),
        ("perplexity <= 109% of\n  a on d", "of a"),
        ("kl.mean <= 1 nats\n  vs a on d", "vs a"),
        ("size <= 1 MB\n  at 99%", "at 99%"),
        ("size <= 1 MB at 99%\n  confidence", "at 99% confidence"),
        ("size\n  <= 1 MB", "<="),
        ("size <=\n  1 MB", "1 MB"),
    ],
)
def test_a_bound_stands_on_one_line(bound, piece):
    """A clause on another line would read as one of the bound that follows it."""
    for text in (f"budget b {{\n  {bound}\n  load.p50 <= 1 s\n}}\n", f"a = p(b = [{bound}])\n"):
        (told,) = parse(text)[1]
        assert (told.code, " ".join(told.span.text.split())) == ("E0123", piece)
        assert told.help.endswith("on one line")


def test_a_clause_takes_no_name_from_the_next_line():
    """`on` at the end of a line and `size` on the next are no `on size`."""
    (told,) = parse("budget b {\n  perplexity <= 3 on\n  size <= 1 MB\n}\n")[1]
    assert (told.code, told.span.text) == ("E0109", "on")


def test_a_dot_too_many_makes_no_small_number():
    """`...60%` once was `..` and `.60%`."""
    assert [d.code for d in parse("data a = b[0%...60%]\n")[1]] == ["E0113"]
    tree, found = parse("data a = b[0% .. .5%]\n")
    assert (found, tree.statements[0].range.stop.quantity.base) == ([], 0.005)


@pytest.mark.parametrize("name", ["model", "data", "let", "use", "search"])
def test_a_word_that_begins_statements_may_be_bound(name):
    tree, found = parse(f"{name} = p(x)\ny = p({name}, a = {name})\nbudget {name} {{ size <= 1 MB }}\n")
    assert found == []
    assert tree.statements[0].name.text == name
    assert [d.code for d in parse(f"{name} = p(x)\nsearch minimize size {{\n}}\n")[1]] == ["E0112"]
