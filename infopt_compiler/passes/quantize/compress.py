"""The whole pass over a folder: layer by layer, each finished layer a file, so that a restart goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .decoder import Decoder, Layer
from .errors import NoCalibration
from .folder import finish_folder, load_shard, save_shard
from .layers import layer_file
from .method import Observer
from .packing import pack_linear, unpack_linear
from .settings import Settings
from .solve import Solved
from .streams import Streams
from .tables import embed, write_tables

Progress = Callable[[float, float, str], None]


def quantize_folder(
    source: Path, staging: Path, settings: Settings, windows_NS: Tensor | None, progress: Progress
) -> dict[str, Any]:
    """Quantize the model in `source` into `staging`; what a killed run finished there is kept and not redone.

    `windows_NS`: token ids of N calibration windows of S tokens; needed by calibrated methods. Gives facts for the report:
    the relative error of each linear that this run quantized. Raises NonFinite, BadModel, NoCalibration.
    """
    calibrated = settings.method.calibrated
    if calibrated and (windows_NS is None or windows_NS.numel() == 0):
        message = f"`{settings.method.name}` needs calibration text"
        raise NoCalibration(message, help="give `calibrate`, or use `method = rtn`")
    with torch.no_grad():
        decoder = Decoder(source)
        streams = None
        if calibrated and windows_NS is not None:
            streams = _start(decoder, windows_NS, settings)
        errors: dict[str, float] = {}
        for index in range(decoder.layers):
            progress(index, decoder.layers + 1, f"layer {index + 1} of {decoder.layers}")
            errors |= _layer(decoder, index, staging / layer_file(index), settings, streams)
        progress(decoder.layers, decoder.layers + 1, "head and embedding")
        write_tables(decoder, staging, settings, streams)
    finish_folder(source, staging, settings.formats)
    progress(decoder.layers + 1, decoder.layers + 1, "done")
    return _facts(errors, windows_NS if calibrated else None)


def _start(decoder: Decoder, windows_NS: Tensor, settings: Settings) -> Streams:
    quantized, exact = embed(decoder, windows_NS, settings)
    method = settings.method
    return Streams(decoder, quantized, exact[: method.reference_windows].clone(), method.observer)


def _layer(
    decoder: Decoder, index: int, file: Path, settings: Settings, streams: Streams | None
) -> dict[str, float]:
    """Quantize one layer and write its file, or replay it where the file is there already."""
    tensors = decoder.layer_tensors(index)
    layer, reference = decoder.layer(index, tensors), decoder.layer(index, tensors)
    prefix = decoder.names.layer(index)
    if file.exists():
        if streams is not None:
            _restore(layer, load_shard(file), prefix, settings)
            streams.replay(layer, reference)
        return {}
    solved: dict[str, Solved] = {}

    def solve(names: tuple[str, ...], seen: Observer | None) -> None:
        found = _solve(layer, names, seen, settings)
        for name, part in found.items():
            layer.replace(name, part.values())
        solved.update(found)

    if streams is None:
        for name in layer.linears:
            solve((name,), None)
    else:
        streams.quantize(layer, reference, solve)
    packed = {name: tensor for name, tensor in tensors.items() if name.removesuffix(".weight") not in solved}
    for name, part in solved.items():
        packed |= pack_linear(name, part.q_KR, part.scales, part.grid)
    save_shard(file, {prefix + name: tensor for name, tensor in packed.items()})
    return {prefix + name: part.relative_error for name, part in solved.items()}


def _solve(
    layer: Layer, names: tuple[str, ...], seen: Observer | None, settings: Settings
) -> dict[str, Solved]:
    """Solve matrices that share an input as one, stacked along their outputs."""
    stacked_KR = torch.cat([layer.weights[name] for name in names]).T.contiguous()
    solved = settings.method.solve(stacked_KR, settings.formats.linear, seen)
    parts, start = {}, 0
    for name in names:
        stop = start + layer.weights[name].shape[0]
        parts[name] = solved.rows(start, stop)
        start = stop
    return parts


def _restore(layer: Layer, tensors: dict[str, Tensor], prefix: str, settings: Settings) -> None:
    for name in layer.linears:
        layer.replace(name, unpack_linear(prefix + name, tensors, settings.formats.linear))


def _facts(errors: dict[str, float], windows_NS: Tensor | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"calibration_tokens": 0 if windows_NS is None else windows_NS.numel()}
    if errors:
        worst = max(errors, key=lambda name: errors[name])
        facts["mean_relative_error"] = sum(errors.values()) / len(errors)
        facts["worst_linear"] = {"name": worst, "relative_error": errors[worst]}
    return facts
