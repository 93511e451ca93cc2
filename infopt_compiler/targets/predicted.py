"""A predicted value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Predicted:
    """A predicted value in base units, the range it may lie in, and the arithmetic in words."""

    value: float
    low: float
    high: float
    arithmetic: str
