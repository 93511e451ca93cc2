"""The roofline: what the machine allows at each intensity, and where the artifact stands.

Source: S. Williams, A. Waterman, D. Patterson, Roofline, CACM 52(4), 2009.
"""

from __future__ import annotations

import math
from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import decades, seconds, size
from infopt_compiler.report.html.theme import FG, NARROW, SHAPES, WIDE, series


def roofline(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for group in report["measured"]:
        found = group.get("roofline") or {}
        if found.get("points"):
            blocks += _group(found)
    lead = (
        "Under the slope memory is the limit, under a flat roof arithmetic: integers have a roof of their own. The distance "
        "of a point to its roof is what better kernels could win."
    )
    return Section("roofline", "Roofline", lead, blocks)


def _group(found: dict[str, Any]) -> list[Block]:
    bandwidth, flops = found["bandwidth"], found["flops"]
    points = [_point(row, bandwidth, row.get("peak", flops)) for row in found["points"]]
    text = "; ".join(f"{p['name']} {p['reached']}" for p in points)
    wide, narrow = (_spec(points, bandwidth, flops, width) for width in (WIDE, NARROW))
    head = ("phase", "operations", "bytes", "intensity", "time", "reached", "of the roof", "roof", "bound by")
    rows: list[list[Any]] = [
        [
            p["name"],
            f"{p['flop'] / 1e9:.3g} GFLOP",
            size(p["bytes"]),
            f"{p['x']:.3g} FLOP/B",
            seconds(p["seconds"]),
            f"{p['y'] / 1e9:.3g} GFLOP/s",
            f"{p['share']:.0%}" if p["share"] <= 1 else "above it",
            f"{p['top'] / 1e9:.4g} GFLOP/s",
            p["roof"],
        ]
        for p in points
    ]
    machine = (
        f"The machine: {bandwidth / 1e9:.3g} GB/s and {flops / 1e9:.4g} GFLOP/s in floats, as probed or configured; the flat "
        "roof of an artifact is that of its own arithmetic, integers or floats"
    )
    return [Figure("Roofline", text, wide, narrow), Table(head, rows, machine)]


def _point(row: dict[str, Any], bandwidth: float, peak: float) -> dict[str, Any]:
    x, y = row["flop"] / row["bytes"], row["flop"] / row["seconds"]
    roof = min(bandwidth * x, peak)
    name = f"{row['subject']} {row['phase']}"
    share = y / roof
    bound = "memory" if bandwidth * x < peak else "arithmetic"
    reached = f"reaches {share:.0%} of the {bound} roof"
    if share > 1:  # a share of it would be none
        reached = (
            f"is above the {bound} roof: the probe saw less of the machine, or the caches hold the weights"
        )
    tip = f"{name}: {x:.3g} FLOP/B, {y / 1e9:.3g} GFLOP/s, {reached}"
    found = {
        "reached": reached,
        "x": x,
        "y": y,
        "share": share,
        "roof": bound,
        "name": name,
        "tip": tip,
        "top": roof,
    }
    return {**row, **found, "peak": peak}


def _spec(points: list[dict[str, Any]], bandwidth: float, flops: float, width: int) -> Spec:
    # of a point far down the slope no flat roof is near
    peaks = sorted({flops, *(p["peak"] for p in points if bandwidth * p["x"] > flops)})
    ridges = [peak / bandwidth for peak in peaks]
    low = 10 ** math.floor(math.log10(min(*ridges, *(p["x"] for p in points)) / 2))
    high = 10 ** math.ceil(math.log10(max(*ridges, *(p["x"] for p in points)) * 2))
    roof = [
        {"x": x, "y": min(bandwidth * x, peak) / 1e9, "peak": peak}
        for peak, ridge in zip(peaks, ridges, strict=True)
        for x in (low, ridge, high)
    ]
    rows = [{**p, "y": p["y"] / 1e9, "top": p["top"] / 1e9} for p in points]
    x = {"field": "x", "type": "quantitative", "scale": {"type": "log", "domain": [low, high], "nice": False},
         "axis": {"title": "operations per byte", "values": decades(low, high), "format": "~g"}}  # fmt: skip
    floor = 10 ** math.floor(math.log10(min(p["y"] for p in (*rows, *roof))))
    ceiling = peaks[-1] / 1e9 * 2
    y = {"field": "y", "type": "quantitative", "scale": {"type": "log", "domain": [floor, ceiling], "nice": False},
         "axis": {"title": "GFLOP/s", "values": decades(floor, ceiling), "format": "~g"}}  # fmt: skip
    names = list(dict.fromkeys(p["subject"] for p in points))
    phases = list(dict.fromkeys(p["phase"] for p in points))
    shape = {"field": "phase", "type": "nominal", "legend": None, "scale": {"domain": phases, "range": list(SHAPES[: len(phases)])}}  # fmt: skip
    line = {"data": {"values": roof}, "mark": {"type": "line", "color": FG, "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "detail": {"field": "peak"}}}  # fmt: skip
    drop = {"mark": {"type": "rule", "strokeDash": [2, 3]},
            "encoding": {"x": x, "y": y, "y2": {"field": "top"}}}  # fmt: skip
    dots = {"mark": {"type": "point", "size": 110},
            "encoding": {"x": x, "y": y, "color": series(names), "shape": shape, "description": {"field": "tip"}}}  # fmt: skip
    words = [
        {"transform": [{"filter": f"datum.x {test} {math.sqrt(low * high)}"}],
         "mark": {"type": "text", "align": align, "dx": dx, "dy": 14, "fontSize": 11},
         "encoding": {"x": x, "y": y, "text": {"field": "name"}}}
        for test, align, dx in (("<", "left", 4), (">=", "right", -4))
    ]  # fmt: skip
    height = 300 if width == WIDE else 240
    return {"width": width, "height": height, "data": {"values": rows}, "layer": [line, drop, dots, *words]}
