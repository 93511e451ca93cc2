"""Quantities in a configuration are canonical text (`600 ms`); this module alone writes and reads it."""

from __future__ import annotations

from collections.abc import Iterator

from infopt_compiler.units import UNITS, Dimension, Quantity, UnitError, format_number, parse_quantity


def decode_quantity(text: str, dimension: Dimension | None = None) -> Quantity:
    """The quantity that a configuration value holds; `UnitError` when it is none, or measures something else."""
    quantity = parse_quantity(text)
    if dimension is not None and quantity.dimension is not dimension:
        raise UnitError(
            f"`{text}` is {_article(quantity.dimension)}, wanted is {_article(dimension)}",
            f"units of it: {', '.join(f'`{name}`' for name in unit_names(dimension))}",
        )
    return quantity


def unit_names(dimension: Dimension) -> list[str]:
    return [unit.name for unit in UNITS.values() if unit.dimension is dimension and unit.name]


def token_text(tokens: int) -> str:
    return str(Quantity(tokens, UNITS["tokens"]))


def decode_tokens(text: str) -> int:
    return int(decode_quantity(text, Dimension.tokens).base)


def fraction_text(fraction: float) -> str:
    """`0.6` as `60%`, or as a plain number where per cent would not read back to the same value."""
    percent = str(Quantity(round(fraction * 100, 10), UNITS["%"]))
    return percent if parse_quantity(percent).base == fraction else format_number(fraction)


def decode_fraction(text: str) -> float:
    """`60%` or `0.6`."""
    return decode_quantity(text).base


def escape(text: str) -> str:
    """A text that OmegaConf takes for no interpolation, wherever it has a `$`."""
    return text.replace("\\", "\\\\").replace("$", "\\d")


def unescape(text: str) -> str:
    return "".join(part.replace("\\d", "$") for part in _halves(text))


def _halves(text: str) -> Iterator[str]:
    """Pieces between doubled backslashes, each pair given back as one backslash."""
    first, *rest = text.split("\\\\")
    yield first
    for piece in rest:
        yield "\\"
        yield piece


def _article(dimension: Dimension) -> str:
    if dimension is Dimension.bytes:
        return f"a value in {dimension.value}"
    return f"an {dimension.value}" if dimension.value[0] in "aeiou" else f"a {dimension.value}"
