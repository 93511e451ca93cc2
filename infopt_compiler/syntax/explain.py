"""Says what a failure of the parser means: by the table of mistakes, else by what could have stood there."""

from __future__ import annotations

import re

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from infopt_compiler.diagnostics import Diagnostic, Input, Span, did_you_mean, error
from infopt_compiler.syntax.chunks import KEYWORDS, unclosed, without_quiet
from infopt_compiler.syntax.habits import find_habit
from infopt_compiler.syntax.mistakes import find_mistake

_READABLE = {
    "NAME": "a name",
    "QUANTITY": "a number",
    "STRING": "a quoted string",
    "OPERATOR": "`<=`, `<`, `>=` or `>`",
    "$END": "the end",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "DOT": "`.`",
    "TO": "`..`",
}
_MOST_EXPECTED = 6
# An operator at the end of its line: what follows is the next bound, not the limit of this one.
_LIMITLESS = re.compile(r"(<=|>=|<|>)[ \t]*(?:\r?\n\s*(?:[A-Za-z_]\w*\s*)?)?$")
_LIMIT = "write for example `size <= 110 MB`"


def explain(failure: UnexpectedInput, input: Input, base: int, text: str) -> Diagnostic:
    """The diagnostic of a failure in `text`, which stands `base` characters into `input`."""
    if isinstance(failure, UnexpectedToken) and failure.token.type == "$END":
        return _at_end(failure, input, base, text)
    at = failure.pos_in_stream or 0
    habit = find_habit(input, base, text, at)
    if habit is not None:
        return habit
    if isinstance(failure, UnexpectedCharacters):
        special = _character(text[at], Span(input, base + at, base + at + 1), input, base, text, at)
        if special is not None:
            return special
    found = str(failure.token) if isinstance(failure, UnexpectedToken) else text[at]
    start = at + (found == "," and not unclosed(without_quiet(text[:at])))
    behind = _NUMBER.match(
        text, start
    )  # of a `let` the comma itself is wrong: nothing may follow the first half
    comma = decimal_comma(input, base + start, base + behind.end()) if behind is not None else None
    if comma is not None:
        return comma
    return _by_table(failure, found, Span(input, base + at, base + at + len(found)), base, text)


def decimal_comma(input: Input, start: int, end: int) -> Diagnostic | None:
    """What is said of a number at `start` where it goes on behind the comma of another: `1,5 ms`."""
    before = _BEFORE_COMMA.search(input.text[:start])
    number = input.text[start:end]
    if before is None or not number[:1].isdigit():
        return None
    digits = number[: len(number) - len(number.lstrip("0123456789_"))]
    help = f"write `{before[1]}.{number}`"
    if len(digits) == 3:
        help += f", or `{before[1]}_{number}` where thousands are meant"
    message = "numbers have a decimal point, no decimal comma"
    return error("E0121", message, Span(input, before.start(), end), help=help)


_NUMBER = re.compile(r"\d[\d_]*(?:[ \t]*(?:%|[A-Za-z$µ][\w$/]*))?")
_BEFORE_COMMA = re.compile(r"(?<![\w.,])([-+]?\d[\d_]*),\Z")


def _at_end(failure: UnexpectedInput, input: Input, base: int, text: str) -> Diagnostic:
    plain = without_quiet(text)
    still_open = unclosed(plain)
    if still_open:
        at = base + still_open[-1]
        return error("E0102", f"`{plain[still_open[-1]]}` is never closed", Span(input, at, at + 1))
    end = base + len(plain.rstrip())
    return _by_table(failure, "the end of the statement", Span(input, max(base, end - 1), end), base, text)


def _character(char: str, span: Span, input: Input, base: int, text: str, at: int) -> Diagnostic | None:
    line_end = text.find("\n", at)
    rest = Span(input, span.start, base + (line_end if line_end >= 0 else len(text)))
    if char == '"':
        return error("E0103", "this string is not closed on its line", rest, help='close it with `"`')
    if char == "'":
        return error("E0103", "strings take double quotes", span, help="write `\"` instead of `'`")
    if char in "+-*/":
        message = "a recipe does no arithmetic"
        return error("E0118", message, span, help="write the value that you mean")
    if char in ";:@$&|?!~^`%\\" or not char.isascii():
        shown = char if char.isprintable() else f"U+{ord(char):04X}"
        return error("E0111", f"`{shown}` is no character of the language here", span, help=_FOR.get(char))
    return None


_FOR = {
    ";": "statements end with their line; settings are separated by commas",
    ":": "write `name = value`",
    "$": "write a price as `0.5 USD/Mtok` or `0.2 USD/h`",
    **dict.fromkeys("\u201c\u201d\u201e\u2018\u2019", 'strings take straight double quotes: `"`'),
    "\u00a0": "this is a no-break space: replace it by a plain one",
}


def _by_table(failure: UnexpectedInput, found: str, span: Span, base: int, text: str) -> Diagnostic:
    mistake = find_mistake(failure)
    limitless = _LIMITLESS.search(without_quiet(text[: span.start - base]))
    if limitless is not None and (mistake is None or mistake.code == "E0108"):
        place = Span(span.input, base + limitless.start(1), base + limitless.end(1))
        return error("E0108", "the limit of the bound is missing", place, help=_LIMIT)
    if mistake is None:
        return error("E0100", _unexpected(failure, _quoted(found)), span)
    message = mistake.message.replace("`{found}`", _quoted(found))
    if mistake.code == "E0120":
        at = span.end if found.startswith("the end") else span.start
        return _unknown_statement(text[: at - base], base, span)
    return error(mistake.code, message, span, help=mistake.help)


def _unknown_statement(before: str, base: int, span: Span) -> Diagnostic:
    """The word that begins the statement is to blame, not what follows it; `before` ends where the parser failed."""
    word = _LAST_WORD.search(without_quiet(before))
    if word is None:
        return error("E0120", f"a statement does not begin with {_quoted(span.text)}", span, help=_STATEMENTS)
    place = Span(span.input, base + word.start(1), base + word.end(1))
    close = did_you_mean(word[1], KEYWORDS)
    hint = close if close and close.startswith("did") else _STATEMENTS
    return error("E0120", f"no statement begins with `{word[1]}`", place, help=hint)


_LAST_WORD = re.compile(r"([A-Za-z_]\w*)\s*$")
_STATEMENTS = "statements are `target`, `measure`, `engine`, `model`, `data`, `scenario`, `let`, `budget`, or `name = pass(...)`"


def _quoted(found: str) -> str:
    return found if found.startswith("the end") else f"`{found.splitlines()[0] if found else found}`"


def _unexpected(failure: UnexpectedInput, found: str) -> str:
    allowed = getattr(failure, "expected", None) or getattr(failure, "allowed", None) or set()
    words = sorted({_READABLE.get(name, f"`{name.lower()}`") for name in allowed if name != "COMMENT"})
    words = [word for word in words if not word.startswith("`__")]
    if not words or len(words) > _MOST_EXPECTED:
        return f"{found} cannot stand here"
    return f"expected {', '.join(words[:-1])}{' or ' if len(words) > 1 else ''}{words[-1]}, found {found}"
