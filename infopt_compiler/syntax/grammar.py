"""Finds the grammar and makes the parser of it, once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark

import infopt_compiler

STARTS = ("start", "override_limit", "override_value", "bound")


def grammar_folder() -> Path:
    """The folder of the `.lark` files: packed inside the package by a wheel, beside it in the repository.

    Raises FileNotFoundError for an installation without them.
    """
    package = Path(infopt_compiler.__file__).parent
    for folder in (package / "grammar", package.parent / "grammar"):
        if (folder / "recipe.lark").is_file():
            return folder
    raise FileNotFoundError(f"recipe.lark is neither in {package}/grammar nor beside the package")


@cache
def recipe_parser() -> Lark:
    """The LALR parser of recipes; about 50 ms, so that no cache on disk can go stale."""
    return Lark(
        (grammar_folder() / "recipe.lark").read_text("utf-8"),
        parser="lalr",
        lexer="contextual",
        start=list(STARTS),
        propagate_positions=True,
        maybe_placeholders=False,
    )
