"""Spans, carets, JSON, suggestions, and the table of codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import infopt_compiler
from infopt_compiler.diagnostics import (
    CODES,
    Input,
    Note,
    Span,
    did_you_mean,
    error,
    render_json,
    render_text,
    warning,
)
from infopt_compiler.diagnostics.model import span_from_dict

TEXT = Input("a.opt", "first\n\tsecond = 1\r\nthird")


def at(piece: str) -> Span:
    start = TEXT.text.index(piece)
    return Span(TEXT, start, start + len(piece))


def test_lines_and_columns():
    span = at("second")
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 2, 2, 8)
    assert str(span) == "a.opt:2:2"
    assert [TEXT.line_text(n) for n in (1, 2, 3)] == ["first", "\tsecond = 1", "third"]
    assert Span(TEXT, 25, 25).line == 3


def test_the_caret_stands_under_its_piece():
    lines = render_text([error("E0303", "no", at("1"), help="try")]).splitlines()
    assert lines[0] == "error[E0303]: no"
    assert lines[1] == " --> a.opt:2:11"
    assert lines[3].index("1", 4) == lines[4].index("^")
    assert lines[-1] == "  = help: try"


def test_a_span_over_lines_shows_its_first():
    text = render_text([error("E0303", "no", at("second = 1\r\nthird"))])
    assert text.splitlines()[-1].strip(" |") == "^" * len("second = 1")


def test_notes_have_pictures_too():
    text = render_text([warning("E0210", "no", at("third"), notes=(Note("here", at("first")),))])
    assert "= note: here\n --> a.opt:1:1" in text


def test_color_changes_no_letter():
    plain, colored = (render_text([error("E0303", "no", at("1"))], color=c) for c in (False, True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain != colored


def test_json_reads_back():
    given = error("E0303", "no", at("third"), notes=(Note("n", at("first")),), help="h")
    data = json.loads(render_json([given, warning("E0210", "w")]))
    assert data["errors"] == 1
    first = data["diagnostics"][0]
    assert (first["code"], first["severity"], first["span"]["line"], first["help"]) == (
        "E0303",
        "error",
        3,
        "h",
    )
    assert span_from_dict(first["span"], {"a.opt": TEXT}) == given.span
    assert data["diagnostics"][1]["span"] is None


@pytest.mark.parametrize(
    ("word", "known", "help"),
    [
        ("bitz", ["bits", "group"], "did you mean `bits`?"),
        ("QUICK", ["quick"], "did you mean `quick`?"),
        ("zzz", ["bits", "group"], "known: `bits`, `group`"),
        ("zzz", [], None),
        ("zzz", [f"a{k}" for k in range(20)], None),
    ],
)
def test_suggestions(word, known, help):
    assert did_you_mean(word, known) == help


@pytest.mark.parametrize("info", CODES.values(), ids=CODES)
def test_every_code_is_explained(info):
    assert re.fullmatch(r"E\d{4}", info.code)
    assert info.title and not info.title.endswith(".")
    assert len(info.explanation) > 40 and info.explanation.endswith(".")


def test_every_row_of_the_language_is_used():
    package = Path(infopt_compiler.__file__).parent
    files = [
        *(package / "sema").glob("*.py"),
        *(package / "syntax").rglob("*.py"),
        package / "passes" / "base.py",
    ]
    used = {code for file in files for code in re.findall(r'"(E\d{4})"', file.read_text("utf-8"))}
    assert {code for code in CODES if code < "E0500"} <= used


def test_codes_are_unique():
    from infopt_compiler.diagnostics.codes import (
        execute,
        language,
        measure,
        passes,
        plugins,
        shard,
        sources,
        usage,
    )

    rows = [
        *language.LANGUAGE,
        *usage.USAGE,
        *sources.SOURCES,
        *passes.PASSES,
        *shard.SHARD,
        *plugins.PLUGINS,
        *execute.EXECUTE,
        *measure.MEASURE,
    ]
    assert len(rows) == len(CODES)


def test_every_code_in_the_sources_has_a_row():
    package = Path(infopt_compiler.__file__).parent
    used = {
        code for path in package.rglob("*.py") for code in re.findall(r'"(E\d{4})"', path.read_text("utf-8"))
    }
    assert used <= set(CODES)
