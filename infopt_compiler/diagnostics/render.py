"""Diagnostics as text with carets, and as JSON. No rich here: `check` must start at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Annotation:
    """What a workflow's log shows at a place in a file; `place` is empty for what is in none."""

    level: str
    title: str
    message: str
    place: tuple[tuple[str, str | int], ...] = ()

    def line(self, job: str = "") -> str:
        """`::error file=chat.opt,line=3,col=5,title=E0601::…` (GitHub's workflow commands); `job` stands before the title."""
        facts = (*self.place, ("title", job + self.title))
        told = ",".join(f"{key}={_escape(str(value), ':,')}" for key, value in facts)
        return f"::{self.level} {told}::{_escape(self.message)}"


def annotation(level: str, title: str, message: str, span: Mapping[str, Any] | None) -> Annotation:
    """A span is as `to_dict` has it; one that is not in a file, such as an override, has no place."""
    if span is None or span["file"].startswith(("<", "command line")):
        return Annotation(level, title, message)
    place = {"file": span["file"], "line": span["line"], "col": span["column"]}
    if span.get("end_line") == span["line"]:
        place["endColumn"] = span["end_column"]
    return Annotation(level, title, message, tuple(place.items()))


def diagnostic_annotations(diagnostics: Iterable[Mapping[str, Any]]) -> list[Annotation]:
    """Of diagnostics as `to_dict` has them, each with its help."""
    return [annotation(d["severity"], d["code"], _with_help(d), d["span"]) for d in diagnostics]


def render_github(jobs: Mapping[int, Sequence[Annotation]]) -> list[str]:
    """Lines of a workflow's log. What is the same in several jobs is one line, with their numbers if it is not so in all."""
    found: dict[Annotation, list[int]] = {}
    for number, told in jobs.items():
        for one in dict.fromkeys(told):
            found.setdefault(one, []).append(number)
    return [one.line(_jobs(numbers) if len(numbers) < len(jobs) else "") for one, numbers in found.items()]


def _jobs(numbers: Sequence[int]) -> str:
    return f"job{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}: "


def _escape(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:  # the percent sign first
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _with_help(told: Mapping[str, Any]) -> str:
    return f"{told['message']} (help: {told['help']})" if told.get("help") else str(told["message"])


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
