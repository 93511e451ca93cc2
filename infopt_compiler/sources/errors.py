"""What goes wrong with a source: a value that becomes a diagnostic at the recipe line that names the source."""

from __future__ import annotations

from infopt_compiler.diagnostics import Diagnostic, Span, error


class SourceError(Exception):
    """`code` is one of E06xx; `help` says what to do."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.help = help

    def diagnostic(self, span: Span | None) -> Diagnostic:
        return error(self.code, str(self), span, help=self.help)
