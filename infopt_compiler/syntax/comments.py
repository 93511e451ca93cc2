"""Puts comments and blank lines back to the nodes that they stand beside, so that the printer keeps them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from infopt_compiler.syntax import ast

_BESIDE = " \t\r\f\v,\ufeff"  # what stands between entries besides comments
_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|(#[^\n]*)')

Entry = TypeVar("Entry", bound=ast.Statement | ast.Argument | ast.Bound)


def attach_comments(recipe: ast.Recipe, text: str) -> ast.Recipe:
    """The recipe with every comment of its text in the trivia of a node."""
    opening, statements, closing = _attach(recipe.statements, text, 0, len(text))
    first = (opening,) if opening else ()
    if not statements:
        return replace(recipe, closing=_tidy([*first, *closing]))
    if opening:
        trivia = statements[0].trivia
        statements[0] = replace(statements[0], trivia=replace(trivia, before=(opening, *trivia.before)))
    return replace(recipe, statements=tuple(statements), closing=closing)


def _attach(
    entries: Sequence[Entry], text: str, start: int, end: int
) -> tuple[str, list[Entry], tuple[str, ...]]:
    """(the comment behind the opening, the entries with their trivia, the lines before the end)."""
    done: list[Entry] = []
    behind, at = "", start
    opening = ""
    for k, entry in enumerate(entries):
        behind, before = _gap(text[at : entry.span.start], last=False)
        if k == 0:
            opening, before = behind, _tidy(before, first=not behind)
        else:
            done[-1] = _with_after(done[-1], behind)
        done.append(_with_inner(entry, tuple(before), text))
        at = entry.span.end
    behind, closing = _gap(text[at:end], last=True)
    if done:
        done[-1] = _with_after(done[-1], behind)
        return opening, done, _tidy(closing, last=True)
    return behind, done, _tidy(closing, first=not behind, last=True)


def _gap(gap: str, *, last: bool) -> tuple[str, tuple[str, ...]]:
    """The comment on the first line of a gap between two entries, and the lines after it, blank ones as ""."""
    lines = [line.lstrip(_BESIDE).rstrip() for line in gap.split("\n")]
    middle = lines[1:] if last else lines[1:-1]
    return (lines[0], _tidy(middle)) if len(lines) > 1 or last else ("", ())


def _tidy(lines: Sequence[str], *, first: bool = False, last: bool = False) -> tuple[str, ...]:
    """At most one blank line in a row; none at the start of a block, none at its end."""
    kept: list[str] = []
    for line in lines:
        if line or not kept or kept[-1]:
            kept.append(line)
    if first and kept and not kept[0]:
        kept = kept[1:]
    if last and kept and not kept[-1]:
        kept = kept[:-1]
    return tuple(kept)


def _with_after(entry: Entry, comment: str) -> Entry:
    return replace(entry, trivia=replace(entry.trivia, after=comment)) if comment else entry


def _with_inner(entry: Entry, before: tuple[str, ...], text: str) -> Entry:
    """Comments inside an entry: those of its block stay there, others go in front of it."""
    block = _block_of(entry)
    end = block.span.start if block is not None else entry.span.end
    inner = tuple(match[1].rstrip() for match in _COMMENT.finditer(text, entry.span.start, end) if match[1])
    changes: dict[str, Any] = {"trivia": ast.Trivia((*before, *inner))}
    if block is not None:
        changes[_BLOCKS[type(entry)]] = _block(block, text)
    return replace(entry, **changes)


_BLOCKS = {ast.Data: "settings", ast.Scenario: "settings", ast.Binding: "arguments", ast.Budget: "bounds"}


def _block_of(entry: ast.Syntax) -> ast.Arguments | ast.Bounds | None:
    block: ast.Arguments | ast.Bounds | None = getattr(entry, _BLOCKS.get(type(entry), ""), None)
    return block


def _block(block: ast.Arguments | ast.Bounds, text: str) -> ast.Arguments | ast.Bounds:
    opening, entries, closing = _attach(block.entries, text, block.span.start + 1, block.span.end - 1)
    changes: dict[str, Any] = {"entries": tuple(entries), "opening": opening, "closing": closing}
    return replace(block, **changes)
