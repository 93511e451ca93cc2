"""One row of the table of codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CodeInfo:
    """`title` in a few words; `explanation` in a few sentences: what it means, why, how to repair it."""

    code: str
    title: str
    explanation: str
