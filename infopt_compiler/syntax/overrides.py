"""Overrides of the command line: `q.bits=8`, `target=h100`, `budget.chat.ttft.p95=300ms`, `~q.calibrate`, `q.bits=4,8`.

Only the form is read here; what a path means depends on the recipe (`sema.overriding`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from infopt_compiler.diagnostics import Diagnostic, Input, Span, error
from infopt_compiler.syntax.build import no_interpolation

_FORM = re.compile(r"(?P<mark>\+\+|\+|~)?(?P<path>[^=]*)(?P<value>=.*)?", re.DOTALL)
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*")  # a dash is told with the names that there are
_FUNCTION = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)
_MOST_STEPS = 1000


class Operation(str, Enum):
    """What the mark in front asks for; `assign` has none."""

    assign = ""
    add = "+"
    force = "++"
    delete = "~"


@dataclass(frozen=True)
class Piece:
    """One value of an override, as written, without quotes around it; `quoted` tells that there were some."""

    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True)
class Override:
    """One argument. More than one of `values` is a sweep; `path_span` covers the path."""

    input: Input
    operation: Operation
    path: tuple[str, ...]
    path_span: Span
    values: tuple[Piece, ...] = field(default=())


def parse_override(text: str, number: int) -> tuple[Override | None, list[Diagnostic]]:
    """The override in an argument; `number` counts from 1 and names the input of its spans: `<override 1>`."""
    input = Input(f"<override {number}>", text)
    if "${" in text:
        at = text.index("${")
        return None, [no_interpolation("E0504", Span(input, at, at + 2))]
    match = _FORM.fullmatch(text)
    assert match is not None  # every part of the form is optional
    path = Span(input, match.start("path"), match.end("path"))
    operation = Operation(match["mark"] or "")
    wrong = _form_problem(match, path, operation)
    if wrong is not None:
        return None, [wrong]
    if match["value"] is None:
        return Override(input, operation, tuple(path.text.split(".")), path), []
    values, found = _values(Span(input, match.start("value") + 1, len(text)))
    if found:
        return None, found
    return Override(input, operation, tuple(path.text.split(".")), path, tuple(values)), []


def _form_problem(match: re.Match[str], path: Span, operation: Operation) -> Diagnostic | None:
    whole = Span(path.input, 0, len(path.input.text))
    if not _PATH.fullmatch(path.text):
        message = f"`{path.text}` is not a path of names"
        return error("E0560", message, path if path.text else whole, help="write for example `q.bits=8`")
    if match["value"] is not None and match["value"].startswith("=="):
        meant = f"{match['mark'] or ''}{path.text}={match['value'].lstrip('=').strip() or 'VALUE'}"
        at = Span(path.input, match.start("value"), match.start("value") + 2)
        return error("E0560", "an override assigns by one `=`", at, help=f"write `{meant}`")
    if match["value"] is None and operation is not Operation.delete:
        return error("E0560", "an override assigns a value", whole, help=f"write `{path.text}=VALUE`")
    if match["value"] is not None and operation is Operation.delete:
        return error("E0560", "`~` removes, it takes no value", whole, help=f"write `~{path.text}`")
    if match["value"] is not None and not match["value"][1:].strip():
        return error("E0560", f"`{path.text}` gets no value", whole, help=f"write `{path.text}=VALUE`")
    return None


def _values(span: Span) -> tuple[list[Piece], list[Diagnostic]]:
    function = _FUNCTION.fullmatch(span.text)
    if function is None:
        return _pieces(span)
    inside = Span(span.input, span.start + function.start(2), span.start + function.end(2))
    if function[1] in ("choice", "interval"):
        return _pieces(inside)
    if function[1] == "range":
        return _steps(inside)
    name = Span(span.input, span.start + function.start(1), span.start + function.end(1))
    message = f"`{function[1]}` is no way to name values here"
    return [], [
        error("E0561", message, name, help="sweeps: `4,8`, `choice(4,8)`, `range(2,9)`, `interval(0,1)`")
    ]


def _pieces(span: Span) -> tuple[list[Piece], list[Diagnostic]]:
    """The values between top-level commas."""
    text = span.text
    cuts = [-1, *_commas(text), len(text)]
    pieces: list[Piece] = []
    for before, end in pairwise(cuts):
        raw = text[before + 1 : end]
        start = span.start + before + 1 + len(raw) - len(raw.lstrip())
        place = Span(span.input, start, max(start, span.start + before + 1 + len(raw.rstrip())))
        if not raw.strip():
            return [], [
                error(
                    "E0560",
                    "a value is missing between commas",
                    Span(span.input, place.start, place.start + 1),
                )
            ]
        pieces.append(_unquoted(place))
    return pieces, []


def _unquoted(span: Span) -> Piece:
    text = span.text
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return Piece(text[1:-1], Span(span.input, span.start + 1, span.end - 1), quoted=True)
    return Piece(text, span)


def _commas(text: str) -> list[int]:
    """Offsets of the commas outside quotes and brackets."""
    found: list[int] = []
    quote, depth = "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(at)
    return found


def _steps(span: Span) -> tuple[list[Piece], list[Diagnostic]]:
    """`range(start, stop[, step])` of whole numbers, as Hydra counts them."""
    try:
        steps = range(*(int(part) for part in span.text.split(",")))
    except (TypeError, ValueError):
        message = "`range` takes one to three whole numbers"
        return [], [error("E0561", message, span, help="write for example `range(2,9)`")]
    if not 0 < len(steps) <= _MOST_STEPS:
        return [], [error("E0561", f"this range has {len(steps)} values", span)]
    return [Piece(str(step), span) for step in steps], []
