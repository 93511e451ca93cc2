"""What a diagnostic is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from infopt_compiler.diagnostics.span import Input, Span


class Severity(str, Enum):
    error = "error"
    warning = "warning"


@dataclass(frozen=True)
class Note:
    """A second place, or a fact, that helps to understand a diagnostic."""

    message: str
    span: Span | None = None


@dataclass(frozen=True)
class Diagnostic:
    """What is wrong (`message`), where (`span`), and what to do (`help`); `code` is a key of `CODES`."""

    code: str
    severity: Severity
    message: str
    span: Span | None = None
    notes: tuple[Note, ...] = ()
    help: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; spans carry file, 1-based lines and columns, and offsets."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "span": _span_to_dict(self.span),
            "notes": [{"message": note.message, "span": _span_to_dict(note.span)} for note in self.notes],
            "help": self.help,
        }


class DiagnosticError(Exception):
    """Carries diagnostics to the edge of the program, where all are printed and it exits once."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics


def error(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    notes: tuple[Note, ...] = (),
    help: str | None = None,
) -> Diagnostic:
    return Diagnostic(code, Severity.error, message, span, notes, help)


def warning(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    notes: tuple[Note, ...] = (),
    help: str | None = None,
) -> Diagnostic:
    return Diagnostic(code, Severity.warning, message, span, notes, help)


def _span_to_dict(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "file": span.input.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "start": span.start,
        "end": span.end,
    }


def span_from_dict(data: dict[str, Any] | None, inputs: dict[str, Input]) -> Span | None:
    """The span written by `Diagnostic.to_dict`, found again in `inputs` (file name → text)."""
    if data is None or data["file"] not in inputs:
        return None
    return Span(inputs[data["file"]], data["start"], data["end"])
