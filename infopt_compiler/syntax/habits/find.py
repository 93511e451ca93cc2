"""Finds the habit by which a text does not parse."""

from __future__ import annotations

import re

from infopt_compiler.diagnostics import Diagnostic, Input, Span, error
from infopt_compiler.syntax.chunks import unclosed, without_quiet
from infopt_compiler.syntax.habits.bounds import BOUNDS
from infopt_compiler.syntax.habits.row import Habit
from infopt_compiler.syntax.habits.settings import SETTINGS
from infopt_compiler.syntax.habits.statements import STATEMENTS

HABITS = (*STATEMENTS, *BOUNDS, *SETTINGS)
_PATTERNS = tuple((habit, re.compile(habit.pattern, re.MULTILINE)) for habit in HABITS)


def find_habit(input: Input, base: int, text: str, at: int) -> Diagnostic | None:
    """What is said of the text around the failure at `at`, where it is a habit of the table."""
    plain = without_quiet(text)
    inside, opening = _inside(plain, at)
    start = max(opening, _line_before(plain, at))
    for habit, pattern in _PATTERNS:
        if habit.inside not in ("", inside):
            continue
        for match in pattern.finditer(plain, start if habit.inside else 0):
            if match.start() > at:
                break
            if at <= match.end():
                return _told(habit, match, input, base, text)
    return None


def _told(habit: Habit, match: re.Match[str], input: Input, base: int, text: str) -> Diagnostic:
    words = {name: text[match.start(name) : match.end(name)] for name in match.groupdict() if match[name]}
    words = {name: words.get(name, "") for name in match.groupdict()}
    span = Span(input, base + match.start("at"), base + match.end("at"))
    help = habit.help.format(**words) if isinstance(habit.help, str) else habit.help(words)
    return error(habit.code, habit.message.format(**words), span, help=help)


def _inside(plain: str, at: int) -> tuple[str, int]:
    """In what kind of bracket the place lies, and where that begins."""
    still_open = unclosed(plain[:at])
    if not still_open:
        return "statement", 0
    opening = still_open[-1]
    return ("bounds" if plain[opening] == "{" and _BUDGET.match(plain) else "settings"), opening


_BUDGET = re.compile(r"\s*budget\b")


def _line_before(plain: str, at: int) -> int:
    """Where the line before the one of `at` begins: what is missing at a line's end shows on the next."""
    return plain.rfind("\n", 0, max(0, plain.rfind("\n", 0, at))) + 1
