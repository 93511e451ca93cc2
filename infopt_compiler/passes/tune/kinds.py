"""What each kind of artifact lets `tune` set, and how it is written: decoders and encoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.layouts import ONNX_DECODER
from infopt_compiler.passes.tune import decoder, encoder
from infopt_compiler.passes.tune.settings import Available, predicted


@dataclass(frozen=True)
class Tunable:
    """`read` the settings that a folder has, `available` the values for at most so many threads, `predict` the best of them,
    `make` a variant (source, destination, its settings, the wanted ones), `check` (folder, source, same_numbers) what ships.
    """

    read: Callable[[Path], Any]
    available: Callable[[Path, int], Available]
    predict: Callable[[Any, Available], Any]
    make: Callable[[Path, Path, Any, Any], None]
    check: Callable[..., None]
    objectives: tuple[str, ...]


DECODER = Tunable(
    decoder.read_settings,
    decoder.available_values,
    predicted,
    decoder.make_variant,
    decoder.check_artifact,
    ("latency", "ttft", "tpot", "throughput"),
)


ENCODER = Tunable(
    encoder.read_settings,
    encoder.available_values,
    encoder.predicted,
    encoder.make_variant,
    encoder.check_artifact,
    ("latency", "throughput"),
)


def tunable_of(folder: Path) -> Tunable:
    return DECODER if ONNX_DECODER.fits(folder) else ENCODER
