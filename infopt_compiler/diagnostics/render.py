"""Diagnostics as text with carets, and as JSON. No rich here: `check` must start at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

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
