"""Parses recipes. A text without mistakes is parsed in one go; else statement by statement, so that all are found."""

from __future__ import annotations

import re
from typing import Any

from lark.exceptions import UnexpectedInput

from infopt_compiler.diagnostics import Diagnostic, Input, Span, error
from infopt_compiler.syntax import ast
from infopt_compiler.syntax.build import Builder
from infopt_compiler.syntax.chunks import Chunk, chunks, unclosed, without_quiet
from infopt_compiler.syntax.comments import attach_comments
from infopt_compiler.syntax.explain import explain
from infopt_compiler.syntax.foreign import without_foreign
from infopt_compiler.syntax.grammar import recipe_parser

_MOST_REPAIRS = 50  # per statement; a text with more mistakes has been told enough
_LATER = re.compile(r"\s*(use|search)\b(?!\s*=)")
_BINDS = re.compile(
    r"\s*(?:(?:model|data|scenario|let)\s+([A-Za-z_][\w-]*)|(?:\w+\s+)?([A-Za-z_][\w-]*)\s*:?=)"
)
_BUDGET = re.compile(r"\s*budget\b")
_CONTINUES = re.compile(r"[ \t]*(?:(?:of|on|vs|at)\b|[=<>])")


def parse_recipe(input: Input) -> tuple[ast.Recipe, list[Diagnostic]]:
    """The tree of a recipe and all its syntax errors; statements that are wrong are `Broken` in the tree."""
    text = input.text.replace("\ufeff", " ", 1) if input.text.startswith("\ufeff") else input.text
    builder = Builder(input, text)
    try:
        statements = builder.transform(recipe_parser().parse(text, start="start"))
        found = builder.found
    except UnexpectedInput:
        statements, found = _parse_chunks(input, text)
    found.sort(key=lambda d: d.span.start if d.span is not None else len(text))
    recipe = ast.Recipe(tuple(statements), span=Span(input, 0, len(text)))
    return attach_comments(recipe, text), found


def parse_bound(text: str) -> ast.Bound:
    """One bound, such as the canonical text of a requirement. Raises ValueError for any other text."""
    bound, found = parse_fragment(Input("<bound>", text), 0, "bound")
    if found or not isinstance(bound, ast.Bound):
        raise ValueError(f"`{text}` is not a bound: {found[0].message if found else ''}")
    return bound


def parse_fragment(input: Input, base: int, start: str) -> tuple[Any, list[Diagnostic]]:
    """The text from `base` on as the grammar's rule `start`; None with diagnostics where it fails."""
    text = input.text[base:]
    builder = Builder(input, text, base)
    try:
        return builder.transform(recipe_parser().parse(text, start=start)), builder.found
    except UnexpectedInput as failure:
        return None, [explain(failure, input, base, text)]


def _parse_chunks(input: Input, text: str) -> tuple[list[ast.Statement], list[Diagnostic]]:
    statements: list[ast.Statement] = []
    text, found = without_foreign(input, text)
    for chunk in chunks(text):
        more, wrong = _parse_chunk(input, text, chunk)
        statements += more
        found += wrong
    return statements, found


def _parse_chunk(input: Input, text: str, chunk: Chunk) -> tuple[list[ast.Statement], list[Diagnostic]]:
    source = text[chunk.start : chunk.end]
    later = _LATER.match(without_quiet(source))
    if later is not None:
        return [_broken(input, chunk, source)], [_not_yet(input, chunk, later)]
    found: list[Diagnostic] = []
    for _ in range(_MOST_REPAIRS):
        builder = Builder(input, source, chunk.start)
        try:
            statements = list(builder.transform(recipe_parser().parse(source, start="start")))
            return statements, found + builder.found
        except UnexpectedInput as failure:
            told = explain(failure, input, chunk.start, source)
            if told.span is not None and told.span.start >= chunk.end:
                break  # behind the bracket that was closed for the author: that it was open has been told
            found.append(told)
            repaired = _repair(source, told, chunk.start)
            if repaired is None or repaired == source:
                break
            source = repaired
    return [_broken(input, chunk, source)], found


def _not_yet(input: Input, chunk: Chunk, later: re.Match[str]) -> Diagnostic:
    span = Span(input, chunk.start + later.start(1), chunk.start + later.end(1))
    return error(
        "E0112",
        f"`{later[1]}` is a word of the language that this version does not know yet",
        span,
        help="leave the statement out; sweeps (`-m q.bits=4,8`) try several values"
        if later[1] == "search"
        else "write the shared statements into this file",
    )


def _broken(input: Input, chunk: Chunk, source: str) -> ast.Broken:
    plain = without_quiet(source)
    span = Span(input, chunk.start + len(plain) - len(plain.lstrip()), chunk.start + len(plain.rstrip()))
    match = _BINDS.match(plain)
    if match is None:
        return ast.Broken(None, span=span)
    group = 1 if match[1] else 2
    place = Span(input, chunk.start + match.start(group), chunk.start + match.end(group))
    return ast.Broken(ast.Name(match[group], span=place), span=span)


def _repair(source: str, told: Diagnostic, base: int) -> str | None:
    """The text with this mistake taken out, every other character in its place; None where nothing can be saved."""
    at = told.span.start - base if told.span is not None else len(source)
    code = told.code
    plain = without_quiet(source)
    still_open = unclosed(plain)
    if code == "E0102":
        return source + "\n" + "".join({"(": ")", "[": "]", "{": "}"}[plain[k]] for k in reversed(still_open))
    if code == "E0121":
        comma = source.index(",", at)
        thousands = re.match(r"\d{3}(?![\d_])", source[comma + 1 :])
        return source[:comma] + ("_" if thousands else ".") + source[comma + 1 :]
    if code == "E0101" and at > 0 and source[at - 1].isspace():
        gap = len(plain[:at].rstrip())
        return source[:gap] + "," + source[gap + 1 :]
    if code in ("E0100", "E0105", "E0106", "E0107", "E0109", "E0111", "E0115", "E0118"):
        written = _as_meant(source, told, at)
        if written is not None:
            return written
    gap = len(plain[:at].rstrip())
    if (
        code == "E0115" and "\n" in source[gap:at] and plain.rstrip().endswith("}")
    ):  # the block is there, its bracket is not
        return source[:gap] + "{" + source[gap + 1 :]
    return _without_line(source, plain, at)


# What is told and means nothing, by the code that tells it: what stands before it, itself, and what stands behind it.
_LEFT_OUT = {
    code: (re.compile(before), re.compile(word), re.compile(behind))
    for code, before, word, behind in (
        ("E0100", "", "[a-z]+", ""),
        ("E0105", r",\s*$", ",", ""),
        ("E0109", r"^\s*(?:target|measure|engine)\s*$", ":?=|==|:", r"\s*[A-Za-z_]"),
        ("E0115", "", "[:=,]", r"[^{}\n]*\{"),
        ("E0118", r"\d$", "-bits?", ""),
    )
}
_OPERATORS = {"≤": "<", "≥": ">", "=<": "<=", "=>": ">="}


def _as_meant(source: str, told: Diagnostic, at: int) -> str | None:
    """The text as the table of habits says that it is written, for the signs that have one meaning."""
    word = told.span.text if told.span is not None else ""
    end = at + len(word)
    instead: str | None = None
    if told.code == "E0107":
        instead = _OPERATORS.get("".join(word.split()))
    elif told.code in _LEFT_OUT:
        before, wrong, behind = _LEFT_OUT[told.code]
        if wrong.fullmatch(word) and before.search(source[:at]) and behind.match(source, end):
            instead = ""
    elif word in ("=>", "->", ":=", "==", ":"):
        instead = "="
    elif told.code == "E0106":
        return _assigned(source, at)
    return None if instead is None else source[:at] + instead.ljust(len(word)) + source[end:]


def _assigned(source: str, at: int) -> str | None:
    """`bits 4` and `--bits 4` as `bits=4`; only inside brackets, where the name is one of a setting."""
    head = source[:at]
    if not unclosed(without_quiet(head)) or head[-1] not in " \t":
        return None
    dashes = re.search(r"--?(?=[A-Za-z_][\w-]*[ \t]*$)", head)
    if dashes is not None:
        head = head[: dashes.start()] + " " * len(dashes[0]) + head[dashes.end() :]
    return head[:-1] + "=" + source[at:]


def _without_line(source: str, plain: str, at: int) -> str | None:
    """Blank the line of a mistake inside brackets, with the lines that go on with it; not the lines of the brackets."""
    opening = unclosed(plain[:at])
    start = source.rfind("\n", 0, at) + 1
    if not opening:
        return None
    if opening[0] >= start:
        return _without_bound(source, plain, at, opening[-1])
    lines = plain[start:].splitlines(keepends=True)
    count = 1
    while count < len(lines) and _CONTINUES.match(lines[count]):
        count += 1
    wrong = "".join(lines[:count])
    if not wrong.strip() or _closes(wrong):
        return None
    blank = "".join(char if char in "\r\n" else " " for char in wrong)
    return source[:start] + blank + source[start + len(wrong) :]


def _without_bound(source: str, plain: str, at: int, opening: int) -> str | None:
    """Blank one bound of a budget that begins on the line of its bracket, with the comma behind it; None where it is the only one."""
    if not _BUDGET.match(plain) or plain[opening] != "{":
        return None
    start = max(opening, plain.rfind(",", 0, at)) + 1
    found = re.compile(r"[,}\n]").search(plain, at)
    end = found.start() + (found[0] == ",") if found is not None else len(plain)
    last = plain.find("}", end)
    others = plain[opening + 1 : start] + plain[end : last if last >= 0 else len(plain)]
    if not others.strip(", \t\r\n") or not plain[start:end].strip():
        return None
    return source[:start] + "".join(c if c in "\r\n" else " " for c in source[start:end]) + source[end:]


def _closes(line: str) -> bool:
    """The line ends more brackets than it begins, so that blanking it would open the statement."""
    return sum(line.count(c) for c in ")]}") > sum(line.count(c) for c in "([{")
