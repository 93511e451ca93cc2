"""The two tables over the vocabulary: the head and the embedding, which may be one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from . import folder
from .decoder import EMBEDDING, HEAD, NORM, Decoder
from .grid import Grid
from .packing import pack_linear
from .settings import Settings
from .solve import Solved, solve_gptq, solve_nearest
from .streams import Streams

SLAB_ROWS = 4096  # of a table that is worked on at a time
TABLES_FILE = "model-tables.safetensors"


def embed(decoder: Decoder, windows_NS: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Hidden states (N, S, D) of the calibration windows: as the quantized table gives them, and exact."""
    used, places = windows_NS.unique(return_inverse=True)
    rows = decoder.weights.read(EMBEDDING)[used]
    exact = rows[places]
    grid = settings.formats.embedding
    if grid is None:
        return exact.clone(), exact
    return solve_nearest(rows.T.contiguous(), grid, settings.scale_search).values()[places], exact


def write_tables(decoder: Decoder, staging: Path, settings: Settings, streams: Streams | None) -> None:
    """Write the final norm, the head and the embedding, unless a run before this one did."""
    file = staging / TABLES_FILE
    if file.exists():
        return
    formats = settings.formats
    tensors = {NORM: decoder.weights.read(NORM)}
    hessian_KK = None
    if streams is not None and formats.head is not None and formats.head.bits < 8:
        hessian_KK = streams.observe_norm(decoder.final_norm()).hessian()
    if streams is not None:
        streams.release()
    source = decoder.weights.read(EMBEDDING if decoder.tied else HEAD)
    packed, head_values = _table(folder.HEAD, source, formats.head, settings, hessian_KK)
    if formats.head is not None or not formats.shared:
        tensors |= packed
    if formats.shared:
        tensors[EMBEDDING] = head_values
    else:
        tensors[EMBEDDING] = _write_embedding(decoder, staging, settings)
    folder.save_shard(file, tensors)


def _write_embedding(decoder: Decoder, staging: Path, settings: Settings) -> Tensor:
    """Values of an embedding that has a table of its own; its integers, if any, go to a file of their own."""
    grid = settings.formats.embedding
    packed, values = _table(folder.EMBEDDING, decoder.weights.read(EMBEDDING), grid, settings, None)
    if grid is not None:
        folder.save_shard(staging / folder.TABLE, packed)
    return values


def _table(
    name: str, source_VD: Tensor, grid: Grid | None, settings: Settings, hessian_KK: Tensor | None
) -> tuple[dict[str, Tensor], Tensor]:
    """The stored tensors of a table and the values they stand for, solved slab by slab of rows."""
    if grid is None:
        return {f"{name}.weight": source_VD}, source_VD
    slabs = [_slab(slab.T.contiguous(), grid, settings, hessian_KK) for slab in source_VD.split(SLAB_ROWS)]
    packed = [pack_linear(name, slab.q_KR, slab.scales, grid) for slab in slabs]
    stored = {key: torch.cat([part[key] for part in packed]) for key in packed[0]}
    return stored, torch.cat([slab.values() for slab in slabs])


def _slab(slab_DV: Tensor, grid: Grid, settings: Settings, hessian_KK: Tensor | None) -> Solved:
    if hessian_KK is None:
        return solve_nearest(slab_DV, grid, settings.scale_search)
    return solve_gptq(slab_DV, hessian_KK.clone(), grid, settings)
