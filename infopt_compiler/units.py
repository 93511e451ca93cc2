"""Quantities with units: parse, convert, format, compare. A unit belongs to one dimension; other dimensions never mix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from infopt_compiler.diagnostics import did_you_mean


class Dimension(str, Enum):
    """What a quantity measures. Base units: s, B, tok/s, req/s, B/s, FLOP/s, 1 (fraction, number), nats, USD/h, USD/Mtok."""

    time = "time"
    bytes = "bytes"
    token_rate = "token rate"
    request_rate = "request rate"
    fraction = "fraction"
    information = "information"
    price = "price"
    token_price = "token price"
    tokens = "tokens"
    samples = "samples"
    byte_rate = "byte rate"
    operation_rate = "operation rate"
    number = "number"


@dataclass(frozen=True)
class Unit:
    """`scale` base units of `dimension` make one of this unit."""

    name: str
    dimension: Dimension
    scale: float


UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("s", Dimension.time, 1.0),
        Unit("ms", Dimension.time, 1e-3),
        Unit("us", Dimension.time, 1e-6),
        Unit("min", Dimension.time, 60.0),
        Unit("h", Dimension.time, 3600.0),
        Unit("B", Dimension.bytes, 1.0),
        Unit("kB", Dimension.bytes, 1e3),
        Unit("MB", Dimension.bytes, 1e6),
        Unit("GB", Dimension.bytes, 1e9),
        Unit("KiB", Dimension.bytes, 1024.0),
        Unit("MiB", Dimension.bytes, 1024.0**2),
        Unit("GiB", Dimension.bytes, 1024.0**3),
        Unit("tok/s", Dimension.token_rate, 1.0),
        Unit("req/s", Dimension.request_rate, 1.0),
        Unit("%", Dimension.fraction, 1e-2),
        Unit("nats", Dimension.information, 1.0),
        Unit("bits", Dimension.information, 0.6931471805599453),  # ln 2 nats
        Unit("USD/h", Dimension.price, 1.0),
        Unit("USD/Mtok", Dimension.token_price, 1.0),
        Unit("tokens", Dimension.tokens, 1.0),
        Unit("samples", Dimension.samples, 1.0),
        Unit("B/s", Dimension.byte_rate, 1.0),
        Unit("MB/s", Dimension.byte_rate, 1e6),
        Unit("GB/s", Dimension.byte_rate, 1e9),
        Unit("TB/s", Dimension.byte_rate, 1e12),
        Unit("FLOP/s", Dimension.operation_rate, 1.0),
        Unit("GFLOP/s", Dimension.operation_rate, 1e9),
        Unit("TFLOP/s", Dimension.operation_rate, 1e12),
        Unit("", Dimension.number, 1.0),
    )
}

# What people write instead; each is an error whose help names the right unit.
_WRONG: dict[str, tuple[str, ...]] = {
    "tok/s": (
        "tokens/s",
        "tok/sec",
        "tps",
        "tokens/sec",
        "token/s",
        "toks/s",
        "t/s",
        "tokens/second",
        "tok/second",
    ),
    "req/s": ("requests/s", "qps", "rps", "requests/sec", "req/sec", "samples/s", "qs"),
    "s": ("sec", "seconds", "second", "secs"),
    "ms": ("msec", "milliseconds", "millisecond", "millis", "msecs"),
    "us": ("µs", "usec", "microseconds"),
    "min": ("minutes", "minute", "mins", "m"),
    "h": ("hours", "hour", "hr", "hrs"),
    "B": ("bytes", "byte", "b"),
    "kB": ("KB", "kb", "kilobytes"),
    "MB": ("mb", "Mb", "M", "megabytes"),
    "GB": ("gb", "Gb", "G", "gigabytes"),
    "KiB": ("kib", "Ki"),
    "MiB": ("mib", "Mi"),
    "GiB": ("gib", "Gi"),
    "%": ("percent", "pct"),
    "tokens": ("token", "tok", "toks"),
    "samples": ("sample", "sentences", "docs", "documents"),
    "nats": ("nat",),
    "bits": ("bit",),
    "USD/h": ("USD", "$/h", "usd/h", "$"),
    "USD/Mtok": ("usd/mtok", "$/Mtok", "USD/mtok"),
    "GB/s": ("Gb/s", "GBps"),
    "TFLOP/s": ("TFLOPS", "TFLOPs", "TFLOPS/s", "TFLOP"),
    "GFLOP/s": ("GFLOPS", "GFLOPs", "GFLOP"),
}
MISSPELLED: dict[str, str] = {word: unit for unit, words in _WRONG.items() for word in words}

_NUMBER = r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(\S*)\s*")


class UnitError(ValueError):
    """A text that is no quantity, or a unit of the wrong dimension; `help` says what to write."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True)
class Quantity:
    """A number and its unit. `base` is the value in the dimension's base unit; comparisons use it."""

    value: float
    unit: Unit

    @property
    def base(self) -> float:
        return self.value * self.unit.scale

    @property
    def dimension(self) -> Dimension:
        return self.unit.dimension

    def to(self, unit: str) -> Quantity:
        """The same quantity in another unit of its dimension; else `UnitError`."""
        other = find_unit(unit)
        if other.dimension is not self.dimension:
            raise UnitError(f"{self} is a {self.dimension.value}, `{unit}` measures {other.dimension.value}")
        return Quantity(self.base / other.scale, other)

    def __str__(self) -> str:
        """Canonical text, read back by `parse_quantity` to an equal quantity."""
        number = format_number(self.value)
        return f"{number}{self.unit.name}" if self.unit.name in ("%", "") else f"{number} {self.unit.name}"


def format_number(value: float) -> str:
    """The shortest decimal text that reads back to `value`; integers without a point."""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def find_unit(name: str) -> Unit:
    """The unit of that name; `UnitError` with help otherwise."""
    if name in UNITS:
        return UNITS[name]
    known = MISSPELLED.get(name)
    hint = f"did you mean `{known}`?" if known else did_you_mean(name, (u for u in UNITS if u))
    raise UnitError(f"unknown unit `{name}`", hint)


def parse_quantity(text: str) -> Quantity:
    """`600 ms`, `105%`, `3`: a number and its unit; `UnitError` otherwise."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(f"`{text}` is not a number with a unit", "write for example `600 ms` or `110 MB`")
    return Quantity(float(match[1].replace("_", "")), find_unit(match[2]))


_HUMAN: dict[Dimension, tuple[str, ...]] = {
    Dimension.time: ("h", "min", "s", "ms", "us"),
    Dimension.bytes: ("GB", "MB", "kB", "B"),
}


def human(base: float, dimension: Dimension, digits: int = 3) -> str:
    """A value in base units for people: `0.0123` seconds is `12.3 ms`."""
    if dimension is Dimension.fraction:
        return f"{base * 100:.{digits}g}%"
    for name in _HUMAN.get(dimension, ()):
        if abs(base) >= UNITS[name].scale:
            return f"{_digits(base / UNITS[name].scale, digits)} {name}"
    names = {d: n for n, u in UNITS.items() if u.scale == 1.0 for d in [u.dimension]}
    return f"{_digits(base, digits)} {names[dimension]}".strip()


def _digits(value: float, digits: int) -> str:
    return f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
