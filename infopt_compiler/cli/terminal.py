"""Printing: results go to stdout, diagnostics and progress to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from infopt_compiler.diagnostics import Diagnostic, Severity, render_text

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 160  # columns where nobody's terminal says otherwise
_WRONG_USAGE = frozenset((*range(501, 510), *range(521, 550), 552, 553))  # see diagnostics/codes/usage.py


def wants_color(stream: IO[str], no_color: bool = False) -> bool:
    """Colours on a terminal only, unless NO_COLOR (no-color.org) or the option says no."""
    return not no_color and not os.environ.get("NO_COLOR") and stream.isatty()


def table_console(no_color: bool = False) -> Console:
    """Where tables go. A table is not squeezed where nobody looks at it: a pipe is 80 columns wide to rich."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH
    return Console(
        file=sys.stdout, no_color=not wants_color(sys.stdout, no_color), highlight=False, width=width
    )


def say(text: str) -> None:
    """A line of a result."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A line about the run."""
    sys.stderr.write(text + "\n")


def show_diagnostics(diagnostics: Sequence[Diagnostic], *, no_color: bool = False) -> None:
    if diagnostics:
        tell(render_text(diagnostics, color=wants_color(sys.stderr, no_color)))


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """1 for an error that is none of the command line, 2 for errors there alone (overrides too), 0 without errors."""
    errors = [d for d in diagnostics if d.severity is Severity.error]
    if any(int(d.code[1:]) not in _WRONG_USAGE and not is_of_override(d) for d in errors):
        return 1
    return 2 if errors else 0


def is_of_override(diagnostic: Diagnostic) -> bool:
    """What is wrong was typed: the form, the name or the value of an override (E01 to E05), while the recipe may be right."""
    typed = diagnostic.span is not None and diagnostic.span.input.name.startswith("<override ")
    return typed and diagnostic.code < "E06"
