"""Comments and separators of other languages, and units on another line: each kind is told once and hides nothing."""

from __future__ import annotations

import pytest

from infopt_compiler.diagnostics import Input
from infopt_compiler.syntax import format_recipe, parse_recipe

COMMENTS = [
    ("// small\nlet a = 1\n", "//"),
    ("let a = 1 // small\n", "//"),
    ("let a = 1// small\n", "//"),
    ("-- small\nlet a = 1\n", "--"),
    ("--\nlet a = 1 -- small\n", "--"),
    ("let a = 1 /* small */\n", "/*"),
    ("/* small,\n   or so */\nlet a = 1\n", "/*"),
    ("/* never closed\nlet b = 2\n", "/*"),
    ("<!-- small -->\nlet a = 1\n", "<!--"),
    ("; small\nlet a = 1\n", ";"),
    ("scenario a {\n  b = 1, // small\n  // of course\n  c = 2,\n}\n", "//"),
    ("budget a {\n  size <= 1 MB // \"small\n  tpot.p50 <= 1 ms\n}\n", "//"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "opening"), COMMENTS)
def test_a_comment_of_another_language_is_told_once(text, opening):
    (found,) = parse_recipe(Input("x", text))[1]
    assert (found.code, found.span.text) == ("E0111", opening)
    assert found.message == f"`{opening}` begins no comment" and "`#`" in found.help


def test_other_lines_are_named():
    (found,) = parse_recipe(Input("x", "// a\nlet a = 1\n// b\n// c\n"))[1]
    assert (found.span.line, found.notes[0].message) == (1, "also on lines 3, 4")
    (found,) = parse_recipe(Input("x", "// a\nlet a = 1 // b\n"))[1]
    assert found.notes[0].message == "also on line 2"


@pytest.mark.parametrize(
    "text",
    [
        "target cpu; measure quick\n",
        "let a = 1;\nlet b = 2;\n",
        "scenario a { b = 1; c = 2 }\n",
        "a = p(b; c = 1);\n",
        "budget a { size <= 1 MB; tpot.p50 <= 1 ms; }\n",
        "budget a {\n  size <= 1 MB;\n  warn tpot.p50 <= 1 ms;\n}\n",
    ],
)
def test_a_semicolon_is_told_once_and_separates(text):
    tree, found = parse_recipe(Input("x", text))
    assert [(d.code, d.span.text) for d in found] == [("E0111", ";")]
    assert all(type(s).__name__ != "Broken" for s in tree.statements)


@pytest.mark.parametrize(
    ("text", "unit", "help"),
    [
        (
            "scenario a {\n  prompt = 32\n  tokens,\n  batch = 1\n}\n",
            "tokens",
            "write `32 tokens` on one line",
        ),
        ("scenario a { prompt = 32\n tokens }\n", "tokens", "write `32 tokens` on one line"),
        ("budget a {\n  size <= 115\n  MB\n  tpot.p50 <= 1 ms\n}\n", "MB", "write `115 MB` on one line"),
        ("budget a {\n  tpot.p50 <= 1.5\r\n  ms\r\n}\n", "ms", "write `1.5 ms` on one line"),
        ("budget a {\n  ttft.p50 <= 105\n  % of b\n}\n", "%", "write `105 %` on one line"),
        ("budget a {\n  kl.mean <= 1\n  nats vs b\n}\n", "nats", "write `1 nats` on one line"),
        ("let a = 300\nms\nlet b = 1\n", "ms", "write `300 ms` on one line"),
        ("budget a {\n  throughput >= 8\n  tokens/s\n}\n", "tokens/s", "write `8 tokens/s` on one line"),
    ],
)
def test_a_unit_on_the_next_line(text, unit, help):
    found = parse_recipe(Input("x", text))[1]
    if help is not None:
        first = found[0] if unit == "tokens/s" else found[-1]
        told = [d for d in found if d.code == "E0124"]
        assert [(d.span.text, d.help) for d in told] == [(unit, help)]
        assert len(found) == (2 if unit == "tokens/s" else 1), (
            first,
            found,
        )  # `tokens/s` is no unit, besides
    else:
        assert found


def test_what_reads_like_a_unit_is_none():
    text = "budget a {\n    perplexity <= 18\n    samples    >= 5 req/s\n}\n"
    tree, found = parse_recipe(Input("x", text))
    assert found == [] and format_recipe(tree) == text


def test_sources_and_strings_are_left_alone():
    (found,) = parse_recipe(Input("x", "model a = https://host/x\n"))[1]
    assert (found.code, found.help) == ("E0110", 'write `model a = "https://host/x"`')
    (found,) = parse_recipe(Input("x", 'model a = "file://x;y--z"\nlet = 2\n'))[1]
    assert found.code == "E0109"
