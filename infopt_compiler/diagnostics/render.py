"""Diagnostics as text with carets, and as JSON. No rich here: `check` must start at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infopt_compiler.diagnostics.model import Diagnostic, Severity
from infopt_compiler.diagnostics.span import Span

_TAB = "    "
_STYLE = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "reset": "\x1b[0m",
}


def render_text(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """All diagnostics, a blank line between two, each with a caret picture and its help."""
    return "\n\n".join(_one(d, color) for d in diagnostics)


def render_json(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(d.severity is Severity.error for d in diagnostics)
    return json.dumps({"errors": errors, "diagnostics": [d.to_dict() for d in diagnostics]}, indent=2)


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """A line of a workflow's log for each, which GitHub shows at the place in the file."""
    told = (d.to_dict() for d in diagnostics)
    return "\n".join(annotation(d["severity"], d["code"], _with_help(d), d["span"]) for d in told)


def annotation(level: str, title: str, message: str, span: Mapping[str, Any] | None) -> str:
    """`::error file=chat.opt,line=3,col=5,title=E0601::…` (GitHub's workflow commands). A span is as `to_dict` has it; one
    that is not in a file, such as an override, has no place."""
    place = {}
    if span is not None and not span["file"].startswith(("<", "command line")):
        place = {"file": span["file"], "line": span["line"], "col": span["column"]}
        if span.get("end_line") == span["line"]:
            place["endColumn"] = span["end_column"]
    facts = ",".join(f"{key}={_escape(str(value), ':,')}" for key, value in {**place, "title": title}.items())
    return f"::{level} {facts}::{_escape(message)}"


def _escape(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:  # the percent sign first
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _with_help(told: Mapping[str, Any]) -> str:
    return f"{told['message']} (help: {told['help']})" if told["help"] else str(told["message"])


def _one(d: Diagnostic, color: bool) -> str:
    head = _paint(f"{d.severity.value}[{d.code}]", d.severity.value, color) + _paint(
        f": {d.message}", "bold", color
    )
    lines = [head]
    if d.span is not None:
        lines += _picture(d.span, d.severity.value, color)
    for note in d.notes:
        lines.append(f"  = note: {note.message}")
        if note.span is not None:
            lines += _picture(note.span, "dim", color)
    if d.help:
        lines.append(f"  = help: {d.help}")
    return "\n".join(lines)


def _picture(span: Span, style: str, color: bool) -> list[str]:
    """The line of the span with carets under it; a span over several lines shows its first."""
    source = span.input.line_text(span.line)
    gutter = " " * len(str(span.line))
    before = source[: span.column - 1].replace("\t", _TAB)
    width = len(source) - span.column + 1 if span.end_line > span.line else span.end - span.start
    under = source[span.column - 1 : span.column - 1 + width].replace("\t", _TAB)
    carets = _paint("^" * max(1, len(under)), style, color)
    return [
        f"{gutter}--> {span}",
        f"{gutter} |",
        f"{span.line} | " + source.replace("\t", _TAB),
        f"{gutter} | " + " " * len(before) + carets,
    ]


def _paint(text: str, style: str, color: bool) -> str:
    return f"{_STYLE[style]}{text}{_STYLE['reset']}" if color else text
