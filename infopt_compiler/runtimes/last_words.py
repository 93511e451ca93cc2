"""What a process said before it failed, short enough for a note."""

from __future__ import annotations

_MOST_LINES, _MOST_CHARACTERS = 2, 600


def last_words(stderr: str) -> str:
    """Its last lines; of a traceback the message, not the lines of code above it."""
    lines = [
        line for line in stderr.strip().splitlines() if line.strip() and not line.startswith((" ", "\t"))
    ]
    said = [line for line in lines if not line.startswith("Traceback (most recent call last)")]
    return " / ".join(said[-_MOST_LINES:])[-_MOST_CHARACTERS:] or "it said nothing"
