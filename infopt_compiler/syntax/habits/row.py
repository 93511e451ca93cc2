"""A row of the table of habits, and the pieces of its patterns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Words = dict[str, str]

NAME = r"[A-Za-z_][\w-]*"
VALUE = r"(?:\"[^\"\n]*\"|\[[^\]\n]*\]|[-+]?[\w.%/]+(?:[ \t]+[A-Za-z][\w/]*(?=[ \t]*(?:$|[,)}])))?)"


@dataclass(frozen=True)
class Habit:
    """`pattern` covers the failure; its groups fill `message` and `help`, `at` is what the caret stands under.

    `inside` is where it is looked for: "bounds", "settings" (of any other bracket), "statement", or "" for anywhere;
    `examples` are texts and the help that each gets.
    """

    code: str
    inside: str
    pattern: str
    message: str
    help: str | Callable[[Words], str]
    examples: tuple[tuple[str, str], ...]
