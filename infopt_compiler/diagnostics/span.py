"""Where something stands: a piece of an input text."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Input:
    """A named text: a recipe file, or one override of the command line."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, char in enumerate(self.text) if char == "\n")]

    def line_of(self, offset: int) -> int:
        """1-based line that holds the character at `offset`."""
        return bisect_right(self._line_starts, offset)

    def column_of(self, offset: int) -> int:
        """1-based column of the character at `offset`, in characters."""
        return offset - self._line_starts[self.line_of(offset) - 1] + 1

    def line_text(self, line: int) -> str:
        """The text of a 1-based line, without its line end."""
        starts = self._line_starts
        end = starts[line] - 1 if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r")


@dataclass(frozen=True)
class Span:
    """Characters `start` (included) to `end` (excluded) of `input`."""

    input: Input
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.input.line_of(self.start)

    @property
    def column(self) -> int:
        return self.input.column_of(self.start)

    @property
    def end_line(self) -> int:
        return self.input.line_of(max(self.start, self.end - 1))

    @property
    def end_column(self) -> int:
        """1-based column just behind the last character."""
        return self.input.column_of(max(self.start, self.end - 1)) + 1

    @property
    def text(self) -> str:
        return self.input.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.input, self.start, max(self.end, other.end))

    def __str__(self) -> str:
        return f"{self.input.name}:{self.line}:{self.column}"
