"""What the modules of this pass share: the chosen formats and how to reach them."""

from __future__ import annotations

from dataclasses import dataclass

from .folder import Formats


@dataclass(frozen=True)
class Settings:
    """`formats` say what comes out; the rest says how. `gptq` False is plain rounding to nearest."""

    formats: Formats
    gptq: bool = True
    act_order: bool = True
    scale_search: bool = True
    refine: bool = True
    damp: float = 0.01
    reference_windows: int = 16
