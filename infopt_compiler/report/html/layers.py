"""Bits of each weight matrix of what ships: over the layers, and where the bytes are."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import size
from infopt_compiler.report.html.theme import NARROW, SERIES, WIDE

_INDEX = re.compile(r"^(.*?)\.(\d+)\.(.+)$")
_KINDS = 24  # rows of a drawing; what is smaller than those goes into one


def layers(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for subject, rows in (report.get("layers") or {}).items():
        if rows:
            blocks += _subject(subject, rows)
    lead = "What the graph that ships really stores: integers, scales and zero points of each matrix over its weights."
    return Section("layers", "Bits per layer", lead, blocks)


def _subject(subject: str, rows: list[dict[str, Any]]) -> list[Block]:
    bits = sum(row["bytes"] for row in rows) * 8 / sum(row["parameters"] for row in rows)
    kinds = _kinds(rows)
    largest = max(kinds.values(), key=lambda row: row["bytes"])
    text = f"{subject}: {bits:.3g} bits per weight over {len(rows)} matrices; most bytes are in {largest['kind']} ({size(largest['bytes'])})"
    blocks: list[Block] = []
    cells = [cell for cell in map(_cell, rows) if cell is not None]
    if cells:
        wide, narrow = (_map_spec(cells, width) for width in (WIDE, NARROW))
        blocks.append(Figure(f"Bits per weight of {subject}, by layer", text, wide, narrow))
    shown = sorted(kinds.values(), key=lambda row: row["bytes"], reverse=True)
    wide, narrow = (_bytes_spec(shown[:_KINDS], width) for width in (WIDE, NARROW))
    blocks.append(Figure(f"Bytes of {subject}, by kind of matrix", text, wide, narrow))
    table: list[list[Any]] = [
        [row["name"], f"{row['parameters']:,}", size(row["bytes"]), f"{row['bits_per_weight']:.3g}"]
        for row in rows
    ]
    head = ("matrix", "weights", "size", "bits per weight")
    return [*blocks, Table(head, table, f"All {len(rows)} matrices of {subject}", folded=True)]


def _split(name: str) -> tuple[str, int | None]:
    """(kind, layer): `model.layers.3.mlp.up_proj` is `mlp.up_proj` of layer 3; the head has no layer."""
    found = _INDEX.match(name)
    return (found[3], int(found[2])) if found else (name, None)


def _kinds(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        entry = sums[_split(row["name"])[0]]
        for index, count in enumerate((row["parameters"], row["bytes"], 1)):
            entry[index] += count
    return {
        kind: {"kind": kind, "bytes": data, "megabytes": data / 1e6, "bits": data * 8 / weights, "count": count,
               "label": f"{data * 8 / weights:.3g} bits", "tip": f"{kind}: {count} matrices, {size(data)}, {data * 8 / weights:.3g} bits per weight"}
        for kind, (weights, data, count) in sums.items()
    }  # fmt: skip


def _cell(row: dict[str, Any]) -> dict[str, Any] | None:
    kind, layer = _split(row["name"])
    if layer is None:
        return None
    bits = row["bits_per_weight"]
    return {"kind": kind, "layer": layer, "bits": bits, "label": f"{bits:.2g}", "tip": f"{row['name']}: {bits:.3g} bits, {size(row['bytes'])}"}  # fmt: skip


def _map_spec(cells: list[dict[str, Any]], width: int) -> Spec:
    limit = 100 if width == NARROW else 240
    count = len({cell["layer"] for cell in cells})
    x = {"field": "layer", "type": "ordinal",
         "axis": {"title": "layer", "labelOverlap": True, "labelAngle": 0, "grid": False}}  # fmt: skip
    y = {"field": "kind", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": limit}}
    most = max(8.0, *(cell["bits"] for cell in cells))
    opacity = {"field": "bits", "type": "quantitative", "legend": None,
               "scale": {"domain": [0, most], "range": [0.04, 0.9]}}  # fmt: skip
    rect = {"mark": {"type": "rect", "color": SERIES[0], "stroke": "var(--bg)", "strokeWidth": 1},
            "encoding": {"x": x, "y": y, "fillOpacity": opacity, "description": {"field": "tip"}}}  # fmt: skip
    word = {
        "mark": {"type": "text", "fontSize": 10},
        "encoding": {"x": x, "y": y, "text": {"field": "label"}},
    }
    roomy = (width - limit) / max(count, 1) > 18
    return {
        "width": width,
        "height": {"step": 24},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": cells},
        "layer": [rect, *([word] if roomy else [])],
    }


def _bytes_spec(rows: list[dict[str, Any]], width: int) -> Spec:
    y = {"field": "kind", "type": "nominal", "sort": None,
         "axis": {"title": None, "labelLimit": 100 if width == NARROW else 240}}  # fmt: skip
    top = max(row["megabytes"] for row in rows)
    x = {"field": "megabytes", "type": "quantitative", "scale": {"domain": [0, top * 1.25]},
         "axis": {"title": "size (MB)", "tickCount": 5}}  # fmt: skip
    bars = {
        "mark": {"type": "bar", "height": 15},
        "encoding": {"x": x, "y": y, "description": {"field": "tip"}},
    }
    word = {"mark": {"type": "text", "align": "left", "dx": 5},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}}}  # fmt: skip
    return {
        "width": width,
        "height": {"step": 24},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [bars, word],
    }
