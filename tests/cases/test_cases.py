"""Recipes beside the text that they must give: `<stage>/<name>.opt` and `<name>.txt`. UPDATE_CASES=1 writes the texts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import tests.sema.passes  # noqa: F401  # registers the passes of these recipes
from infopt_compiler.diagnostics import Diagnostic, Input, render_text
from infopt_compiler.sema import check_recipe
from infopt_compiler.syntax import format_recipe, parse_recipe

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*/*.opt"))
_OVERRIDES = "# overrides:"


def _diagnostics(found: list[Diagnostic]) -> str:
    return render_text(found) + "\n" if found else ""


def _syntax(input: Input) -> str:
    return _diagnostics(parse_recipe(input)[1])


def _sema(input: Input) -> str:
    return _diagnostics(check_recipe(input)[1])


def _overrides(input: Input) -> str:
    first = input.text.splitlines()[0].removeprefix(_OVERRIDES)
    return _diagnostics(check_recipe(input, [text.strip() for text in first.split(" | ")])[1])


def _fmt(input: Input) -> str:
    tree, found = parse_recipe(input)
    assert found == []
    return format_recipe(tree)


STAGES = {"syntax": _syntax, "sema": _sema, "overrides": _overrides, "fmt": _fmt}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path):
    given = STAGES[path.parent.name](Input(path.name, path.read_text("utf-8")))
    expected = path.with_suffix(".txt")
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(given, "utf-8")
    assert given == expected.read_text("utf-8")


def test_ten_mistakes_are_ten_reports():
    path = HERE / "sema" / "ten_mistakes.opt"
    found = check_recipe(Input(path.name, path.read_text("utf-8")))[1]
    assert len(found) == len({d.code for d in found}) == 10
