"""Quality on held-out text: the averages, and the windows where the artifact strays furthest, with their text."""

from __future__ import annotations

from typing import Any

from infopt_compiler.metrics import METRICS, Needs
from infopt_compiler.report.html.blocks import Block, Figure, Quote, Section, Spec, Table
from infopt_compiler.report.html.domains import domain_blocks, generation_blocks, tail_blocks
from infopt_compiler.report.html.tasks import task_blocks
from infopt_compiler.report.html.theme import DIM, FG, NARROW, SERIES, WIDE
from infopt_compiler.report.values import short_interval, value_text


def quality(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for group in report["measured"]:
        values = [value for value in group["values"] if _of_quality(value["metric"])]
        if values:
            head = ("metric", "value", "interval", "of", "on", "against")
            rows: list[list[Any]] = [
                [v["metric"], value_text(v, v["value"]), short_interval(v), v.get("subject") or group["subject"], v.get("on") or "–", v.get("reference") or "–"]
                for v in values
            ]  # fmt: skip
            blocks.append(Table(head, rows, "Averages and tails over all that was scored"))
        blocks += [*domain_blocks(group), *tail_blocks(group), *generation_blocks(group), *task_blocks(group)]
        for data, windows in (group.get("worst_windows") or {}).items():
            if windows:
                blocks += _tail(data, windows, values)
    lead = "Damage gathers in few places: the windows below are where the artifact is furthest from its reference."
    return Section("quality", "Quality", lead, blocks)


def _of_quality(metric: str) -> bool:
    definition = METRICS.get(metric) or METRICS.get(metric.rpartition(".")[0])
    return definition is not None and definition.needs is Needs.data


def _tail(data: str, windows: list[dict[str, Any]], values: list[dict[str, Any]]) -> list[Block]:
    field = "kl_mean" if windows[0].get("kl_mean") is not None else "perplexity"
    title = "mean KL (nats per token)" if field == "kl_mean" else "perplexity"
    rows = [
        {"place": f"{index + 1}. {w.get('document', '')}", "value": w[field], "tip": f"{w.get('document', '')}: {_facts(w)}"}
        for index, w in enumerate(windows)
        if w.get(field) is not None
    ]  # fmt: skip
    blocks: list[Block] = []
    on = data.partition(" ")[0]
    means = [v["value"] for v in values if v["metric"] == "kl.mean" and v.get("on") in (on, None)]
    mean = means[0] if field == "kl_mean" and means else None
    if rows:
        over = f", {rows[0]['value'] / mean:.1f} times the mean of all windows" if mean else ""
        text = f"the worst of {data} is {rows[0]['place']} with {rows[0]['value']:.3g}{over}"
        wide, narrow = (_spec(rows, mean, title, width) for width in (WIDE, NARROW))
        blocks.append(Figure(f"Worst windows, {data}", text, wide, narrow))
    quotes = [
        Quote(
            f"{i + 1}. {w.get('document', '')}",
            _facts(w),
            w.get("text") or w.get("excerpt") or "",
            open=i == 0,
        )
        for i, w in enumerate(windows)
    ]
    return [*blocks, *quotes]


def _facts(window: dict[str, Any]) -> str:
    parts = [f"from character {window['start']}"] if window.get("start") is not None else []
    if window.get("kl_mean") is not None:
        parts.append(f"mean KL {window['kl_mean']:.3g} nats")
    if window.get("perplexity") is not None:
        parts.append(f"perplexity {window['perplexity']:.4g}")
    parts += [f"{key} {window[key]:.4g}" for key in ("cosine",) if window.get(key) is not None]
    return ", ".join(parts)


def _spec(rows: list[dict[str, Any]], mean: float | None, title: str, width: int) -> Spec:
    x = {"field": "value", "type": "quantitative", "axis": {"title": title, "tickCount": 5}}
    label = {"title": None, "labelLimit": 110 if width == NARROW else 300}
    bars = {"mark": {"type": "bar", "height": 16, "color": SERIES[3]},
            "encoding": {"x": x, "y": {"field": "place", "type": "nominal", "sort": None, "axis": label},
                         "description": {"field": "tip"}}}  # fmt: skip
    at = {"data": {"values": [{"at": mean, "what": "mean of all"}]}}
    place = {"field": "at", "type": "quantitative"}
    rule = {**at, "mark": {"type": "rule", "strokeDash": [5, 3], "color": FG, "strokeWidth": 1.5},
            "encoding": {"x": place}}  # fmt: skip
    word = {**at, "mark": {"type": "text", "align": "center", "fontSize": 10, "color": DIM, "baseline": "bottom"},
            "encoding": {"x": place, "y": {"value": -3}, "text": {"field": "what"}}}  # fmt: skip
    return {
        "width": width,
        "height": {"step": 28},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [bars, *([rule, word] if mean else [])],
    }
