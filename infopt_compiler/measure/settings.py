"""How much is measured before something is said. Names and values of the Hydra group `measure`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infopt_compiler.units import Dimension


def _ranged(
    default: float, minimum: float, maximum: float | None = None, dimension: Dimension | None = None
) -> Any:
    """A setting and the range that an override must keep; of a `dimension` it is held in the base unit, and given in any."""
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum, "dimension": dimension})


@dataclass(frozen=True)
class MeasureSettings:
    """A budget's time bounds are sampled until all are decided or `seconds` are used up.

    A block is a fresh serving process: `warmup` requests that do not count, then `requests` that do (of a server scenario
    more, see `arriving`). Blocks of the
    subject and its references alternate. Nothing is decided before `min_blocks`; each limit of an interval holds
    with `confidence`, all interim analyses together. Quality is computed over at most `windows` windows, spread evenly over the
    data (0: all), and resampled `resamples` times. With `family` all bounds of a budget together err at most 1 - confidence
    (Bonferroni); with `refuse_busy` a machine that others use is an error, not a note. Warm-up goes on, up to
    `warmup_most` requests, until the last three agree within `stable` of their median. With `attribution` what each pass
    on the way did is measured, for at most `attribution_seconds` per budget, after the budget's own measuring.
    """

    name: str = "standard"
    confidence: float = _ranged(0.95, 0.5, 0.99999, Dimension.fraction)
    seconds: float = _ranged(240.0, 0, dimension=Dimension.time)
    min_blocks: int = _ranged(8, 2)
    max_blocks: int = _ranged(60, 2)
    requests: int = _ranged(9, 1)
    warmup: int = _ranged(2, 0)
    warmup_most: int = _ranged(6, 0)
    stable: float = _ranged(0.10, 0, dimension=Dimension.fraction)
    windows: int = _ranged(48, 0)
    resamples: int = _ranged(2000, 100)
    seed: int = _ranged(0, 0)
    family: bool = False
    refuse_busy: bool = False
    attribution: bool = True
    attribution_seconds: float = _ranged(480.0, 0, dimension=Dimension.time)


# Processes differ, so many short blocks say more than few long ones. The first interim analysis decides typical values, and a p95 that
# lies 3 times away from its limit (72 requests, none over it); the second one a p95 that does not: it has more than the 14
# processes and 86 requests that it needs then. p99 needs 368 requests and so `precise`.
PRESETS: dict[str, MeasureSettings] = {
    "quick": MeasureSettings(
        "quick", seconds=150.0, min_blocks=8, requests=9, windows=24, attribution_seconds=240.0
    ),
    "standard": MeasureSettings("standard", seconds=240.0, min_blocks=8, requests=9, windows=48),
    "precise": MeasureSettings(
        "precise",
        seconds=1200.0,
        min_blocks=14,
        max_blocks=200,
        requests=40,
        warmup=3,
        windows=0,
        resamples=5000,
        attribution_seconds=1800.0,
    ),
}
