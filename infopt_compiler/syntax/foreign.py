"""What other languages write and a recipe never holds: their comments, `;`, a unit on the line behind its number.

Read only where a text does not parse. Each kind is told once, and taken out with every other character in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from infopt_compiler.diagnostics import Diagnostic, Input, Note, Span, error
from infopt_compiler.syntax.chunks import without_quiet
from infopt_compiler.units import MISSPELLED, UNITS

_FOREIGN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\#[^\n]*'  # strings and comments of ours
    r"|(?P<comment>(?<!:)//[^\n]*|/\*.*?(?:\*/|\Z)|<!--.*?(?:-->|\Z)"
    r"|(?<!\S)--(?=[\s-])[^\n]*|^[ \t]*;(?=[ \t;]*\w)[^\n]*)"
    r"|(?P<end>;(?=[ \t]*(?:\r?$|[)\]}#]|(?:warn[ \t]+)?[A-Za-z_][\w.-]*+[ \t]*+[A-Za-z_\"=<>({])))",
    re.DOTALL | re.MULTILINE,
)
_OPENING = re.compile(r"\s*(//|/\*|<!--|--|;)")
_UNITS = [name for name in (*UNITS, *MISSPELLED) if len(name) > 1 or name in UNITS]
_UNIT = "|".join(sorted((re.escape(name) for name in _UNITS if name), key=len, reverse=True))
_APART = re.compile(
    rf"(?<![\w.])(?P<number>[-+]?[\d.][\d_.]*)(?P<gap>[ \t]*\r?\n\s*)(?P<unit>{_UNIT})"
    r"(?![\w/])(?=[ \t]*(?:\r?$|[,)\]}]|(?:on|of|vs|at)\b))",
    re.MULTILINE,
)


def without_foreign(input: Input, text: str) -> tuple[str, list[Diagnostic]]:
    """The text of `input` without what other languages write, and what is said of it."""
    pieces: list[str] = []
    places: dict[str, list[Span]] = {}
    at = depth = 0
    for match in _FOREIGN.finditer(text):
        gap = text[at : match.start()]
        depth = max(0, depth + sum(gap.count(c) for c in "([{") - sum(gap.count(c) for c in ")]}"))
        pieces += [gap, _instead(match, depth)]
        at = match.end()
        if match["comment"] or match["end"]:
            opening = _OPENING.match(text, match.start())
            assert opening is not None  # the same beginnings
            kind = ";" if match["end"] else f"{opening[1]} comment"
            places.setdefault(kind, []).append(Span(input, opening.start(1), opening.end(1)))
    joined, apart = _units_joined(input, "".join([*pieces, text[at:]]))
    return joined, [*(_told(kind, spans) for kind, spans in places.items()), *apart]


def _instead(match: re.Match[str], depth: int) -> str:
    """Blanks for a comment; for `;` what separates here, since a statement ends with its line."""
    if match["end"]:
        return "," if depth else "\n"
    if match["comment"]:
        return "".join(char if char in "\r\n" else " " for char in match[0])
    return match[0]


def _told(kind: str, spans: list[Span]) -> Diagnostic:
    notes = (Note(f"also on line{'s'[: len(spans) - 2]} {_listed(s.line for s in spans[1:])}"),)
    if kind == ";":
        message = "`;` is no character of the language here"
        help = "statements end with their line; settings are separated by commas"
    else:
        message = f"`{kind.split()[0]}` begins no comment"
        help = "comments begin with `#` and end with their line"
    return error("E0111", message, spans[0], help=help, notes=notes if spans[1:] else ())


def _listed(lines: Iterable[int]) -> str:
    return ", ".join(str(line) for line in dict.fromkeys(lines))


def _units_joined(input: Input, text: str) -> tuple[str, list[Diagnostic]]:
    """Every unit at the beginning of a line moved to the number at the end of the line before."""
    found: list[Diagnostic] = []
    for match in reversed(list(_APART.finditer(without_quiet(text)))):
        number, gap, unit = match["number"], match["gap"], match["unit"]
        message = f"`{unit}` stands on another line than its number"
        span = Span(input, match.start("unit"), match.end("unit"))
        found.append(error("E0124", message, span, help=f"write `{number} {unit}` on one line"))
        text = text[: match.start()] + f"{number} {unit}{gap[1:]}" + text[match.end() :]
    return text, found
