"""What was predicted against what was measured, and against the build before."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import seconds, size, text_of
from infopt_compiler.report.html.theme import FG, NARROW, PANEL, WIDE, series
from infopt_compiler.report.values import bound_text, value_text

_TOLD = 0.25  # errors up to this share stand on a shaded ground
_FAR = 1.5


def predictions(report: dict[str, Any]) -> Section:
    rows = [
        row
        for row in report.get("predictions") or []
        if row.get("measured") is not None and row.get("error") is not None
    ]
    blocks: list[Block] = []
    if rows:
        errors = sorted(abs(row["error"]) for row in rows)
        text = (
            f"{len(rows)} predictions, median error {errors[len(errors) // 2]:.0%}, largest {errors[-1]:.0%}"
        )
        points = [_point(row) for row in rows]
        wide, narrow = (_spec(points, width) for width in (WIDE, NARROW))
        blocks.append(Figure("Error of each prediction", text, wide, narrow))
        head = ("of", "quantity", "predicted", "measured", "error")
        table: list[list[Any]] = [
            [
                row["name"],
                row["quantity"],
                _text(row, "predicted"),
                _text(row, "measured"),
                f"{row['error']:+.1%}",
            ]
            for row in rows
        ]
        blocks.append(Table(head, table, "Predicted before the build, measured in it"))
    lead = "What the plan said beforehand. The shaded ground is ±25 %."
    return Section("predictions", "Predicted and measured", lead, blocks)


def last(report: dict[str, Any]) -> Section:
    found = report.get("last") or {}
    rows: list[list[Any]] = []
    for bound in report["bounds"]:
        before = found.get(bound_text(bound)) or found.get(
            f"{bound['metric']} {bound['operator']} {bound['limit_raw']}"
        )
        if before and before.get("value") is not None:
            rows.append(_against(bound, before))
    head = ("bound", "previous build", "this build", "change", "commit", "run", "started")
    blocks: list[Block] = [
        Table(head, rows, "The same bounds in the build before, on the same kind of machine")
    ]
    return Section("last", "Against the previous build", "", blocks if rows else [])


def _against(bound: dict[str, Any], before: dict[str, Any]) -> list[Any]:
    value, old = bound["value"], before["value"]
    change = f"{value / old - 1:+.1%}" if value is not None and old else "–"
    told = [str(before.get(key) or "–") for key in ("commit", "run", "started")]
    return [
        bound_text(bound),
        value_text(bound, old),
        value_text(bound, value),
        change,
        told[0][:12],
        *told[1:],
    ]


def _text(row: dict[str, Any], key: str) -> str:
    value, quantity = row.get(key), row["quantity"]
    if quantity == "seconds":
        return seconds(value)
    return size(value) if quantity.endswith("_bytes") else text_of(quantity, value)


def _point(row: dict[str, Any]) -> dict[str, Any]:
    what = f"{row['name']} · {row['quantity']}"
    tip = f"{what}: predicted {_text(row, 'predicted')}, measured {_text(row, 'measured')} ({row['error']:+.0%})"
    return {
        "row": what,
        "error": max(-1.0, min(row["error"], _FAR)),
        "what": row.get("what") or "",
        "tip": tip,
    }


def _spec(points: list[dict[str, Any]], width: int) -> Spec:
    edge = max(0.4, *(abs(p["error"]) for p in points)) * 1.05
    x = {"type": "quantitative", "scale": {"domain": [-edge, edge]},
         "axis": {"format": "+.0%", "title": "predicted over measured, minus 1", "tickCount": 5}}  # fmt: skip
    y = {"field": "row", "type": "nominal", "sort": None,
         "axis": {"title": None, "labelLimit": 130 if width == NARROW else 260}}  # fmt: skip
    ground = {"data": {"values": [{"from": -_TOLD, "to": _TOLD}]}, "mark": {"type": "rect", "color": PANEL},
              "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}}}  # fmt: skip
    zero = {"data": {"values": [{"at": 0}]}, "mark": {"type": "rule", "color": FG},
            "encoding": {"x": {**x, "field": "at"}}}  # fmt: skip
    names = list(dict.fromkeys(p["what"] for p in points))
    dots = {"mark": {"type": "point", "size": 70},
            "encoding": {"x": {**x, "field": "error"}, "y": y, "color": series(names, "what"), "description": {"field": "tip"}}}  # fmt: skip
    return {
        "width": width,
        "height": {"step": 22},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": points},
        "layer": [ground, zero, dots],
    }
