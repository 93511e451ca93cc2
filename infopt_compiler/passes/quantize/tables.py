"""The two tables over the vocabulary: the head and the embedding, which may be one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from . import folder
from .decoder import Decoder
from .grid import Grid
from .method import Method, Observer
from .methods.rtn import RoundToNearest
from .packing import pack_linear
from .settings import Settings
from .streams import Streams

SLAB_ROWS = 4096  # of a table that is worked on at a time
TABLES_FILE = "model-tables.safetensors"


def embed(decoder: Decoder, windows_NS: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Hidden states (N, S, D) of the calibration windows: as the quantized table gives them, and exact."""
    used, places = windows_NS.unique(return_inverse=True)
    rows = decoder.weights.read(decoder.embedding)[used]
    exact, scale = rows[places], decoder.numbers.embedding_scale
    grid = settings.formats.embedding
    quantized = exact.clone()
    if grid is not None:
        quantized = _nearest(settings).solve(rows.T.contiguous(), grid, None).values()[places]
    return (quantized, exact) if scale == 1.0 else (quantized * scale, exact * scale)


def write_tables(decoder: Decoder, staging: Path, settings: Settings, streams: Streams | None) -> None:
    """Write the final norm, the head and the embedding, unless a run before this one did.

    A head of fewer than 8 bits is solved like any linear, by the method and from what it sees on the calibration text;
    what the embedding sees is a choice of one row, so its rows are rounded to nearest.
    """
    file = staging / TABLES_FILE
    if file.exists():
        return
    formats = settings.formats
    by_method = formats.head is not None and formats.head.bits < 8
    seen = streams.observe_norm(decoder.final_norm()) if streams is not None and by_method else None
    method = settings.method if by_method else _nearest(settings)
    if streams is not None:
        streams.release()
    table_VD = decoder.weights.read(decoder.embedding if decoder.tied else decoder.head)
    tensors = {decoder.norm: decoder.weights.read(decoder.norm)}
    tensors |= _quantize_table(decoder.names.head, table_VD, formats.head, method, seen)
    if formats.head is None and not formats.shared:
        tensors[decoder.head] = table_VD
    if not formats.shared:
        del table_VD
        table_VD = decoder.weights.read(decoder.embedding)
        packed = _quantize_table(
            decoder.names.embedding, table_VD, formats.embedding, _nearest(settings), None
        )
        if packed:
            folder.save_shard(staging / folder.TABLE, packed)
    tensors[decoder.embedding] = table_VD
    folder.save_shard(file, tensors)


def _quantize_table(
    name: str, table_VD: Tensor, grid: Grid | None, method: Method, seen: Observer | None
) -> dict[str, Tensor]:
    """The stored tensors of a table, solved slab by slab of rows; `table_VD` becomes the values they stand for."""
    if grid is None:
        return {}
    packed = []
    for slab_VD in table_VD.split(SLAB_ROWS):
        solved = method.solve(slab_VD.T.contiguous(), grid, seen)
        packed.append(pack_linear(name, solved.q_KR, solved.scales, grid))
        slab_VD.copy_(solved.values())
    return {key: torch.cat([part[key] for part in packed]) for key in packed[0]}


def _nearest(settings: Settings) -> Method:
    return RoundToNearest(scale_search=settings.scale_search)
