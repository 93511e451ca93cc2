"""`explain CODE`: what a diagnostic means and how to repair it."""

from __future__ import annotations

import textwrap

from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say
from infopt_compiler.diagnostics import CODES, DiagnosticError, did_you_mean, error


def run(command: Command) -> int:
    word = command.words[0]
    info = CODES.get(word.upper())
    if info is None:
        raise DiagnosticError(
            error("E0521", f"no code `{word}`", at(word), help=did_you_mean(word.upper(), CODES))
        )
    say(f"{info.code}: {info.title}\n\n" + textwrap.fill(info.explanation, 100))
    return 0
