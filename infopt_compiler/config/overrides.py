"""Overrides as words: their parts, the values of a sweep, and the way into Hydra's syntax and back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_OVERRIDE = re.compile(r"(?P<operator>\+\+|\+|~)?(?P<path>[^=\s]+)(?:\s*=(?P<value>.*))?", re.DOTALL)
_SWEEP = re.compile(r"\s*(choice|range|interval|glob|shuffle|sort|tag)\s*\(.*\)\s*", re.DOTALL)
_INTERVAL = re.compile(r"\binterval\s*\(")
MOST_JOBS = 256  # of a sweep: more is rather a slip than meant, and each is checked before the first one runs
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Override:
    """`+q.bits=8`: `operator` is `""`, `+`, `++` or `~`; `value` is None where there is no `=`."""

    text: str
    operator: str
    path: str
    value: str | None

    @property
    def head(self) -> str:
        """`q`, `target`, `hydra`: what the path starts with, before a point or Hydra's `/` and `@`."""
        return re.split(r"[./@]", self.path, maxsplit=1)[0]

    def with_value(self, value: str) -> str:
        return f"{self.operator}{self.path}={value}"


def split_override(text: str) -> Override | None:
    """The parts of an override; None for a word that is none (neither `=` nor `~`)."""
    match = _OVERRIDE.fullmatch(text)
    if match is None or (match["value"] is None and match["operator"] != "~"):
        return None
    return Override(text, match["operator"] or "", match["path"], match["value"])


def is_sweep_function(value: str) -> bool:
    """`range(2,9)`, `choice(4,8)`: Hydra's own syntax for several values."""
    return _SWEEP.fullmatch(value) is not None


def split_values(value: str) -> list[str]:
    """The values between commas that stand outside quotes and brackets."""
    pieces, depth, quote, start = [], [], "", 0
    for i, char in enumerate(value):
        if quote:
            quote = "" if char == quote and value[i - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in _PAIRS.values():
            depth.append(char)
        elif char in _PAIRS and depth and depth[-1] == _PAIRS[char]:
            depth.pop()
        elif char == "," and not depth:
            pieces.append(value[start:i].strip())
            start = i + 1
    return [*pieces, value[start:].strip()]


def sweep_values(value: str, options: Sequence[str] = ()) -> list[str]:
    """The values of a sweep function in the recipe's syntax; of `interval` its ends. ValueError for what is no sweep.

    `options` are the names that `glob` chooses from. A range is counted before it is written out.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob, IntervalSweep, RangeSweep
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(f"x={value}")
        sweep: Any = override.value()
        if isinstance(sweep, IntervalSweep):
            return [plain_text(sweep.start), plain_text(sweep.end)]
        if isinstance(sweep, RangeSweep):
            _check_count(sweep.start, sweep.stop, sweep.step)
        glob = override._value  # `value()` makes a plain list of it
        found = glob.filter(list(options)) if isinstance(glob, Glob) else list(override.sweep_iterator())
    except (HydraException, ValueError, TypeError, AttributeError, ArithmeticError) as problem:
        raise ValueError(str(problem).splitlines()[0]) from problem
    if not found:
        known = ", ".join(options)
        raise ValueError(
            f"none of {known} fits" if options else "`glob` chooses options of a group: `target=glob(*)`"
        )
    return [plain_text(_unquoted(one)) for one in found]


def _check_count(start: Any, stop: Any, step: Any) -> None:
    if not step or (stop - start) / step <= 0:
        raise ValueError(f"no number lies from {start} up to {stop} in steps of {step}")
    count = math.ceil((stop - start) / step)
    if count > MOST_JOBS:
        raise ValueError(f"it has {count} values, and a sweep runs at most {MOST_JOBS} jobs")


def is_interval(value: str) -> bool:
    """`interval(0,1)`, also with a `tag`: not values but the ends between which a sweeper chooses."""
    return is_sweep_function(value) and _INTERVAL.search(value) is not None


def hydra_literal(value: Any) -> str:
    """A value in Hydra's syntax, from which Hydra reads the same value: texts quoted."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(hydra_literal(item) for item in value) + "]"
    return str(QuotedString(text=str(value), quote=Quote.single).with_quotes())


def from_hydra(text: str, is_text: Callable[[str], bool]) -> tuple[str, str]:
    """Path and value of an override as Hydra writes it, the value in the recipe's syntax. `is_text` says which paths hold quoted strings."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(text)
    path = override.key_or_group
    return path, plain_text(override.value(), quoted=is_text(path))


def plain_text(value: Any, quoted: bool = False) -> str:
    """A value in the recipe's syntax: `true`, `8`, `[a, b]`, a bare word or quantity, or a quoted string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(plain_text(item, quoted) for item in value) + "]"
    if quoted and isinstance(value, str):
        quote = "'" if '"' in value else '"'
        return f"{quote}{value}{quote}"
    return str(value)


def _unquoted(value: Any) -> Any:
    return getattr(value, "text", value)
