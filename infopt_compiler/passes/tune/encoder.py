"""An exported encoder as settings: its session's options, which `infopt.json` holds in onnxruntime's own words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts.onnx_view import link_folder
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.tune.note import read_note, write_note
from infopt_compiler.passes.tune.settings import (
    OPTIMIZATIONS,
    Available,
    EncoderSettings,
    physical_cores,
    thread_counts,
)

_SPINNING = "session.intra_op.allow_spinning"
_LEVELS = {"all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "basic": "ORT_ENABLE_BASIC"}
_TEXTS = ["A cat sits on the mat.", "Stocks fell on Monday, and nobody knew why they had risen before."]
_TOLERANCE = 1e-3  # of a component of a vector: sums in another order, and where integers round


def read_settings(folder: Path) -> EncoderSettings:
    """The settings that an artifact comes with."""
    chosen = (read_note(folder).get("tune") or {}).get("settings")
    return EncoderSettings(**chosen) if chosen else EncoderSettings()


def available_values(folder: Path, most_threads: int) -> Available:
    """The runtime's default is a thread for each core: it is among the values, as 0, where so many are allowed, and then fewer
    than all are tried."""
    cores = physical_cores()
    counts = [count for count in (1, *thread_counts(most_threads)) if count < cores]
    if counts and most_threads >= cores:
        counts.insert(0, 0)
    found: Available = {"optimization": list(OPTIMIZATIONS), "spinning": [True, False]}
    return {"threads": counts, **found} if counts else found


def predicted(default: EncoderSettings, available: Available) -> EncoderSettings:
    """onnxruntime's own defaults, which were never beaten by much where it was measured (docs/passes.md), within the most
    threads that are allowed."""
    counts = available.get("threads", [])
    if not counts or 0 in counts or 0 < default.threads <= max(counts):
        return default
    return replace(default, threads=max(counts))


def make_variant(
    source: Path, destination: Path, default: EncoderSettings, settings: EncoderSettings
) -> None:
    """The artifact `source` with `settings`; all files but the note are hard links."""
    link_folder(source, destination)
    write_note(destination, settings, default, {"session_options": session_options(settings)})


def session_options(settings: EncoderSettings) -> dict[str, Any]:
    """What differs from the library's own, by its names; `config` holds session config entries."""
    options: dict[str, Any] = {}
    if settings.threads:
        options["intra_op_num_threads"] = settings.threads
    if settings.optimization != "all":
        options["graph_optimization_level"] = _LEVELS[settings.optimization]
    if not settings.spinning:
        options["config"] = {_SPINNING: "0"}
    return options


def check_artifact(folder: Path, source: Path, *, same_numbers: bool = True) -> None:
    """Open the artifact once more and hold its vectors against those of `source`. PassError (E0745) where they differ."""
    import numpy as np

    from infopt_compiler.runtimes.onnxruntime.serve import EncoderServer

    ours, theirs = EncoderServer(folder), EncoderServer(source)
    inputs = theirs.tokenize(_TEXTS)
    difference = float(np.abs(ours.forward(inputs) - theirs.forward(inputs)).max())
    if not difference <= _TOLERANCE:
        raise PassError(
            f"the tuned encoder's vectors differ from the untuned one's by {difference:.3g}, more than {_TOLERANCE}",
            code="E0745",
        )
