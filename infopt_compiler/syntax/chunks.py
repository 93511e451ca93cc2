"""Cuts a text into statements without parsing it, so that one that is wrong hides no other."""

from __future__ import annotations

import re
from dataclasses import dataclass

KEYWORDS = ("target", "measure", "engine", "model", "data", "scenario", "let", "budget", "use", "search")

_KEYWORD = "|".join(KEYWORDS)
# Begins a statement wherever it stands, even behind a bracket that nobody closed: nothing else looks like it.
_SURE = re.compile(
    rf'[ \t]*(?:(?:{_KEYWORD})[ \t]+[\w"]|[A-Za-z_][\w-]*[ \t]*=[ \t]*[A-Za-z_][\w-]*[ \t]*\()'
)
# Begins a statement where no bracket is open and the line is not indented deeper than the last statement.
_LIKELY = re.compile(r"[ \t]*(?:(?!(?:as|under|at)\b)[A-Za-z_]|[)\]}])")
_BLOCK = re.compile(r"\s*(?:budget|scenario)\b")
_QUIET = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*')


@dataclass(frozen=True)
class Chunk:
    """Characters `start` to `end` of a text: one statement, with what follows it."""

    start: int
    end: int


def without_quiet(text: str) -> str:
    """The text with comments blanked and strings emptied, every character in its place."""
    return _QUIET.sub(_hush, text)


def _hush(match: re.Match[str]) -> str:
    length = len(match[0])
    return " " * length if match[0].startswith("#") else '"' + "_" * (length - 2) + '"'


def chunks(text: str) -> list[Chunk]:
    """The statements of a text, in order; the first one also holds what stands before any."""
    starts = [0]
    depth, at, indent, open_end = 0, 0, 0, False
    plain = without_quiet(text)
    for line in plain.splitlines(keepends=True):
        free = depth == 0 and not open_end and _indent(line) <= indent
        if _SURE.match(line) or (free and _LIKELY.match(line) and not _closes(line, plain[starts[-1] : at])):
            starts.append(at)
            depth, indent = 0, _indent(line)
        depth = max(0, depth + _balance(line))
        if line.strip():
            open_end = line.rstrip().endswith(("=", ","))
        at += len(line)
    pairs = zip(starts, [*starts[1:], len(text)], strict=True)
    return [Chunk(start, end) for start, end in pairs if plain[start:end].strip()]


def _closes(line: str, before: str) -> bool:
    """The line ends the block of the statement before it, whose opening bracket is missing."""
    return line.lstrip().startswith("}") and "{" not in before and _BLOCK.match(before) is not None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _balance(line: str) -> int:
    return sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")


def unclosed(plain: str) -> list[int]:
    """Offsets of the brackets that are never closed, the innermost last; the text is without strings and comments."""
    partners = {")": "(", "]": "[", "}": "{"}
    stack: list[int] = []
    for at, char in enumerate(plain):
        if char in "([{":
            stack.append(at)
        elif char in partners and stack and plain[stack[-1]] == partners[char]:
            stack.pop()
    return stack
