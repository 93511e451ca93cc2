"""What the peak of resident memory is made of, against the estimate and the limit."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import Scale, row_of, scale_of, size
from infopt_compiler.report.html.theme import FG, NARROW, SERIES, WIDE
from infopt_compiler.units import Dimension

_PARTS = {
    "runtime_bytes": "runtime",
    "loaded_bytes": "model",
    "kv_bytes": "KV cache",
    "other_bytes": "rest of requests",
}
_OLDER = {"weights_bytes": "weights", "kv_bytes": "KV cache", "runtime_bytes": "runtime (remainder)"}


def memory(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for group in report["measured"]:
        found: dict[str, dict[str, Any]] = group.get("memory") or {}
        if found:
            blocks += _group(report, found)
    lead = (
        "Measured in the serving process: before the artifact is opened, after, and at the peak of its requests; "
        "the KV cache is the part of what requests added that the shapes account for."
    )
    return Section("memory", "Memory", lead, blocks)


def _group(report: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[Block]:
    scale = scale_of(Dimension.bytes, [row["peak_bytes"] for row in found.values()])
    parts = parts_of(found)
    rows = [
        {"subject": name, "part": label, "order": order, "size": scale(max(row[key], 0)), "tip": f"{name}, {label}: {size(row[key])}"}
        for name, row in found.items()
        for order, (key, label) in enumerate(parts.items())
    ]  # fmt: skip
    marks = [_mark(name, "estimate", row["predicted_peak_bytes"], scale) for name, row in found.items() if row.get("predicted_peak_bytes")]  # fmt: skip
    limits = [b for b in row_of(report, "memory") if b["metric"] == "memory.peak" and b["subject"] in found]
    marks += [_mark(b["subject"], "limit", b["limit"], scale) for b in limits]
    text = "; ".join(_words(name, row, parts) for name, row in found.items())
    wide, narrow = (_spec(rows, marks, scale, list(parts.values()), width) for width in (WIDE, NARROW))
    blocks: list[Block] = [
        Figure("The measured peak, by part", text, wide, narrow),
        Table(
            _HEAD,
            [_row(name, row) for name, row in found.items()],
            f"Memory in numbers; {_how(found)}".removesuffix("; "),
        ),
    ]
    blocks += [_contexts(name, row) for name, row in found.items() if row.get("kv_by_context")]
    sums: list[list[Any]] = [
        [name, row["predicted_as"]] for name, row in found.items() if row.get("predicted_as")
    ]
    return [*blocks, *([Table(("of", "arithmetic"), sums, "The estimate", half=True)] if sums else [])]


def _how(found: dict[str, dict[str, Any]]) -> str:
    """How it was split, once for all."""
    return "; ".join(dict.fromkeys(row["note"] for row in found.values() if row.get("note")))


_HEAD = ("of", "runtime", "model, opened", "weights on disk", "KV cache, counted", "rest of requests", "peak", "after warm-up", "estimate", "GPU")  # fmt: skip


def parts_of(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The parts that add up to the peak, by key; a report of an earlier version knows the remainder only."""
    return _PARTS if all(row.get("loaded_bytes") for row in found.values()) else _OLDER


def _row(name: str, row: dict[str, Any]) -> list[Any]:
    predicted, peak = row.get("predicted_peak_bytes"), row["peak_bytes"]
    against = f"{size(predicted)} ({predicted / peak - 1:+.1%})" if predicted else "–"
    kv = f"{size(row['kv_bytes'])} for {row.get('context_tokens', '?')} tokens"
    middle = (size(row.get("loaded_bytes")), size(row["weights_bytes"]), kv, size(row.get("other_bytes")))
    ends = (size(peak), size(row.get("steady_bytes")), against, size(row.get("gpu_bytes")))
    return [name, size(row["runtime_bytes"]), *middle, *ends]


def _contexts(name: str, row: dict[str, Any]) -> Table:
    """The KV cache is a function of the context: its size, and the peak that goes with it."""
    base = row["peak_bytes"] - row["kv_bytes"]
    rows: list[list[Any]] = [
        [f"{one['tokens']:,} tokens", size(one["bytes"]), size(base + one["bytes"])]
        for one in row["kv_by_context"]
    ]
    caption = f"KV cache of {name} by context, {size(row['kv_bytes_per_token'])} a token; the last column adds it to what was measured without it"
    return Table(("context", "KV cache", "peak, about"), rows, caption, half=True)


def _mark(subject: str, what: str, value: float, scale: Scale) -> dict[str, Any]:
    return {"subject": subject, "what": what, "at": scale(value), "tip": f"{subject}, {what}: {size(value)}"}


def _words(name: str, row: dict[str, Any], labels: dict[str, str]) -> str:
    parts = ", ".join(f"{label} {size(row[key])}" for key, label in labels.items())
    predicted = row.get("predicted_peak_bytes")
    against = (
        f"; the estimate was {size(predicted)} ({predicted / row['peak_bytes'] - 1:+.0%})"
        if predicted
        else ""
    )
    return f"{name} peaks at {size(row['peak_bytes'])}: {parts}{against}"


def _spec(
    rows: list[dict[str, Any]], marks: list[dict[str, Any]], scale: Scale, names: list[str], width: int
) -> Spec:
    y = {"field": "subject", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 90}}
    x = {"type": "quantitative", "axis": {"title": scale.title("resident memory"), "tickCount": 6}}
    color = {"field": "part", "type": "nominal", "sort": names, "scale": {"domain": names, "range": list(SERIES[: len(names)])},
             "legend": {"title": None, "columns": 1 if width == NARROW else len(names)}}  # fmt: skip
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
