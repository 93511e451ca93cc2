"""The files of finished layers in the staging folder, where an interrupted run is gone on with. No torch."""

from __future__ import annotations

from pathlib import Path


def layer_file(index: int) -> str:
    """The shard of one decoder layer; its presence means that the layer is finished."""
    return f"model-layer-{index:05d}.safetensors"


def unfinished(staging: Path, layers: int) -> str | None:
    """The first part that is not there, None where that is the first of all."""
    missing = next((k for k in range(layers) if not (staging / layer_file(k)).is_file()), layers)
    if missing == 0:
        return None
    return f"layer {missing + 1} of {layers}" if missing < layers else "head and embedding"
