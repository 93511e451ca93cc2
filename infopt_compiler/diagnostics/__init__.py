"""Errors are values: a `Diagnostic` says what is wrong, where, and what to do."""

from infopt_compiler.diagnostics.codes import CODES, CodeInfo
from infopt_compiler.diagnostics.model import Diagnostic, DiagnosticError, Note, Severity, error, warning
from infopt_compiler.diagnostics.render import (
    Annotation,
    annotation,
    diagnostic_annotations,
    render_github,
    render_json,
    render_text,
)
from infopt_compiler.diagnostics.span import Input, Span
from infopt_compiler.diagnostics.suggest import did_you_mean

__all__ = [
    "CODES",
    "Annotation",
    "CodeInfo",
    "Diagnostic",
    "DiagnosticError",
    "Input",
    "Note",
    "Severity",
    "Span",
    "annotation",
    "diagnostic_annotations",
    "did_you_mean",
    "error",
    "render_github",
    "render_json",
    "render_text",
    "warning",
]
