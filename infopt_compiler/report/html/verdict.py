"""The budget: each bound's interval against its limit, and the table."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Badge, Block, Cell, Figure, Section, Spec, Table, Text
from infopt_compiler.report.html.theme import FG, NARROW, PANEL, VERDICT_COLOR, VERDICT_SHAPE, WIDE
from infopt_compiler.report.values import (
    MARK,
    bound_labels,
    bound_notes,
    interval_text,
    limit_text,
    margin_text,
    short_interval,
    value_text,
    worst_first,
)

_ROW = 44  # px of a bound
_MOST = 2.0  # times the limit; what is further out is drawn at the edge
_HEAD = ("verdict", "bound", "value", "interval", "limit", "margin", "of, from")


def budget(report: dict[str, Any]) -> Section:
    labels = dict(zip(map(id, report["bounds"]), bound_labels(report["bounds"]), strict=True))
    bounds = [(bound, labels[id(bound)]) for bound in worst_first(report["bounds"])]
    blocks: list[Block] = []
    rows = [row for row in (_position(*named) for named in bounds) if row is not None]
    if rows:
        text = "Each value and its interval as a share of the limit, the dashed line; left of it is inside."
        more = "; ".join(row["tip"] for row in rows)
        title = "Intervals against limits"
        blocks.append(Figure(title, text, _spec(rows, WIDE), _spec(rows, NARROW), more=more))
    if bounds:
        blocks.append(Table(_HEAD, [_row(*named) for named in bounds], "Every bound of the recipe"))
        blocks += [Text(note) for note in bound_notes(report)]
    lead = "A bound is met when its whole interval is inside the limit, and missed when it is outside."
    return Section("budget", "Budget", lead, blocks)


def basis_text(bound: dict[str, Any]) -> str:
    """What the interval covers: its confidence and what it was estimated from."""
    if bound["basis"] == "predicted":
        return "predicted, not measured"
    if bound["samples"] <= 1 or bound["confidence"] == 1:
        return "exact"
    return f"{bound['confidence']:.0%}: {bound['samples']} samples, {bound['blocks']} blocks"


def _row(bound: dict[str, Any], label: str) -> list[Cell]:
    under = f" under {bound['scenario']}" if bound.get("scenario") else ""
    return [
        Badge(bound["verdict"], MARK[bound["verdict"]]),
        label,
        value_text(bound, bound["value"]),
        short_interval(bound),
        limit_text(bound),
        margin_text(bound),
        f"{bound['subject']}{under}; {basis_text(bound)}",
    ]


def _position(bound: dict[str, Any], label: str) -> dict[str, Any] | None:
    """Value and interval over the limit; of a bound from below the limit over them: inside is always left of 1."""
    limit, value = bound.get("limit"), bound.get("value")
    low, high = bound.get("interval") or (value, value)
    low, high = (value if low is None else low), (value if high is None else high)
    if not limit or not value or low is None or not high or min(limit, value, high) <= 0 or low < 0:
        return None
    upper = bound["operator"] in ("<=", "<")
    ends = sorted((low / limit, high / limit) if upper else (limit / low if low else _MOST, limit / high))
    return {
        "row": f"{bound.get('budget', '')} {bound['subject']} {label}",
        "label": label,
        "value": min(value / limit if upper else limit / value, _MOST),
        "low": min(ends[0], _MOST),
        "high": min(ends[1], _MOST),
        "verdict": bound["verdict"],
        "mark": MARK[bound["verdict"]],
        "tip": f"{label}: {value_text(bound, value)} ({interval_text(bound)}), {bound['verdict']}",
    }


def _spec(rows: list[dict[str, Any]], width: int) -> Spec:
    top = max(1.25, *(row["high"] for row in rows)) * 1.04
    y = {"field": "row", "type": "nominal", "axis": None, "sort": None}
    x = {
        "type": "quantitative",
        "scale": {"domain": [0, top]},
        "axis": {"format": ".0%", "title": "share of the limit (of a lower limit: limit / value)", "tickCount": 5},
    }  # fmt: skip
    color = {"field": "verdict", "type": "nominal", "legend": None,
             "scale": {"domain": list(VERDICT_COLOR), "range": list(VERDICT_COLOR.values())}}  # fmt: skip
    shape = {"field": "verdict", "type": "nominal", "legend": None,
             "scale": {"domain": list(VERDICT_SHAPE), "range": list(VERDICT_SHAPE.values())}}  # fmt: skip
    tip = {"field": "tip"}
    inside = {"data": {"values": [{"from": 0, "to": 1}]},
              "mark": {"type": "rect", "color": PANEL},
              "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}}}  # fmt: skip
    limit = {"data": {"values": [{"at": 1}]},
             "mark": {"type": "rule", "color": FG, "strokeWidth": 1.5, "strokeDash": [5, 3]},
             "encoding": {"x": {**x, "field": "at"}}}  # fmt: skip
    span = {"mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.55, "strokeCap": "round"},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": color, "description": tip}}  # fmt: skip
    point = {"mark": {"type": "point", "size": 90, "filled": True, "opacity": 1},
             "encoding": {"x": {**x, "field": "value"}, "y": y, "color": color, "shape": shape, "description": tip}}  # fmt: skip
    label = {"mark": {"type": "text", "align": "left", "dx": 4, "dy": -14, "fontSize": 12},
             "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "label"}}}  # fmt: skip
    return {
        "width": width,
        "height": {"step": _ROW},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [inside, limit, span, point, label],
    }
