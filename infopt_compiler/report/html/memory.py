"""What the peak of resident memory is made of, against the estimate and the limit."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import Scale, row_of, scale_of, size
from infopt_compiler.report.html.theme import FG, NARROW, SERIES, WIDE
from infopt_compiler.units import Dimension

_PARTS = {"weights_bytes": "weights", "kv_bytes": "KV cache", "runtime_bytes": "runtime (remainder)"}


def memory(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for group in report["measured"]:
        found: dict[str, dict[str, Any]] = group.get("memory") or {}
        if found:
            blocks += _group(report, found)
    lead = (
        "Weights and KV cache are counted; the runtime is what the measured peak leaves, a remainder, "
        "and not a measurement of its own."
    )
    return Section("memory", "Memory", lead, blocks)


def _group(report: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[Block]:
    scale = scale_of(Dimension.bytes, [row["peak_bytes"] for row in found.values()])
    rows = [
        {"subject": name, "part": label, "order": order, "size": scale(max(row[key], 0)), "tip": f"{name}, {label}: {size(row[key])}"}
        for name, row in found.items()
        for order, (key, label) in enumerate(_PARTS.items())
    ]  # fmt: skip
    marks = [_mark(name, "estimate", row["predicted_peak_bytes"], scale) for name, row in found.items() if row.get("predicted_peak_bytes")]  # fmt: skip
    limits = [b for b in row_of(report, "memory") if b["metric"] == "memory.peak" and b["subject"] in found]
    marks += [_mark(b["subject"], "limit", b["limit"], scale) for b in limits]
    text = "; ".join(_words(name, row) for name, row in found.items())
    wide, narrow = (_spec(rows, marks, scale, width) for width in (WIDE, NARROW))
    head = ("of", "weights", "KV cache", "KV per token", "runtime", "peak", "steady", "estimate", "note")
    table: list[list[Any]] = [
        [
            name,
            size(row["weights_bytes"]),
            f"{size(row['kv_bytes'])} for {row.get('context_tokens', '?')} tokens",
            size(row.get("kv_bytes_per_token")),
            size(row["runtime_bytes"]),
            size(row["peak_bytes"]),
            size(row.get("steady_bytes")),
            size(row.get("predicted_peak_bytes")),
            row.get("note") or "",
        ]
        for name, row in found.items()
    ]
    return [Figure("The measured peak, by part", text, wide, narrow), Table(head, table, "Memory in numbers")]


def _mark(subject: str, what: str, value: float, scale: Scale) -> dict[str, Any]:
    return {"subject": subject, "what": what, "at": scale(value), "tip": f"{subject}, {what}: {size(value)}"}


def _words(name: str, row: dict[str, Any]) -> str:
    parts = ", ".join(f"{label} {size(row[key])}" for key, label in _PARTS.items())
    predicted = row.get("predicted_peak_bytes")
    against = (
        f"; the estimate was {size(predicted)} ({predicted / row['peak_bytes'] - 1:+.0%})"
        if predicted
        else ""
    )
    return f"{name} peaks at {size(row['peak_bytes'])}: {parts}{against}"


def _spec(rows: list[dict[str, Any]], marks: list[dict[str, Any]], scale: Scale, width: int) -> Spec:
    y = {"field": "subject", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 90}}
    x = {"type": "quantitative", "axis": {"title": scale.title("resident memory"), "tickCount": 6}}
    names = list(_PARTS.values())
    color = {"field": "part", "type": "nominal", "sort": names, "scale": {"domain": names, "range": list(SERIES[:3])},
             "legend": {"title": None, "columns": 1 if width == NARROW else 3}}  # fmt: skip
    bars = {"mark": {"type": "bar", "height": 26},
            "encoding": {"x": {**x, "field": "size", "stack": "zero"}, "y": y, "color": color,
                         "order": {"field": "order"}, "description": {"field": "tip"}}}  # fmt: skip
    ticks = {"data": {"values": marks}, "mark": {"type": "tick", "thickness": 2.5, "size": 40, "color": FG},
             "encoding": {"x": {**x, "field": "at"}, "y": y, "description": {"field": "tip"}}}  # fmt: skip
    words = {"data": {"values": marks}, "mark": {"type": "text", "dy": -27, "fontSize": 10},
             "encoding": {"x": {**x, "field": "at"}, "y": y, "text": {"field": "what"}}}  # fmt: skip
    return {
        "width": width,
        "height": {"step": 76},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [bars, *([ticks, words] if marks else [])],
    }
