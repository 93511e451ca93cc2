"""Texts beside each other, the tails over tokens, and what two models write after the same prompt."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Quote, Spec, Table
from infopt_compiler.report.html.scale import decades
from infopt_compiler.report.html.theme import FG, HALF, colors
from infopt_compiler.report.values import domains_text

_OF_KL = {"p50": "50 %", "p90": "90 %", "p95": "95 %", "p99": "99 %", "p99.9": "99.9 %", "p100": "all"}
_NATS = "nats per token"


def domain_blocks(group: dict[str, Any]) -> list[Block]:
    """Both texts side by side, with intervals, and in words which is worse."""
    rows = group.get("domains") or []
    if len(rows) < 2:
        return []
    text = "; ".join(domains_text(group)).replace("`", "")
    kl = _figure("Mean KL by text", text, rows, "kl_mean", _NATS, zero=0.0)
    ratio = _figure("Perplexity over the reference's, by text", "1 is the reference itself", rows, "perplexity_ratio", "ratio", zero=1.0)  # fmt: skip
    head = (
        "text",
        "against",
        "mean KL",
        "interval",
        "perplexity ratio",
        "interval",
        "top1",
        "tokens",
    )
    table: list[list[Any]] = [
        [
            row["on"], row["reference"],
            *_cells(row["kl_mean"], " nats"), *_cells(row["perplexity_ratio"], ""),
            f"{row['top1']:.1%}", f"{row['tokens']:,}",
        ]
        for row in rows
    ]  # fmt: skip
    return [kl, ratio, Table(head, table, "The texts beside each other, the worst first")]


def _cells(value: dict[str, Any], unit: str) -> list[str]:
    low, high = value["interval"]
    return [f"{value['value']:.4g}{unit}", f"{_number(low)} … {_number(high)}{unit}"]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _figure(title: str, text: str, rows: list[dict[str, Any]], key: str, unit: str, zero: float) -> Figure:
    points = [
        {
            "text": row["on"],
            "value": row[key]["value"],
            "low": row[key]["interval"][0],
            "high": row[key]["interval"][1],
            "tip": f"{row['on']}: {' '.join(_cells(row[key], ''))}",
        }
        for row in rows
    ]
    ends = [p[end] for p in points for end in ("low", "high", "value") if p[end] is not None]
    pad = (max(ends) - min(*ends, zero)) * 0.08 or 1.0
    names = sorted({row["on"] for row in rows})
    x = {"type": "quantitative", "scale": {"domain": [min(*ends, zero) - (pad if zero else 0), max(ends) + pad], "nice": False},
         "axis": {"title": unit, "tickCount": 5}}  # fmt: skip
    y = {"field": "text", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 90}}
    color = {"field": "text", "type": "nominal", "scale": colors(names), "legend": None}
    tip = {"field": "tip"}
    at = {"data": {"values": [{"at": zero}]}, "mark": {"type": "rule", "color": FG}, "encoding": {"x": {**x, "field": "at"}}}  # fmt: skip
    span = {"mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.55, "strokeCap": "round"},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": color, "description": tip}}  # fmt: skip
    dot = {"mark": {"type": "point", "size": 90},
           "encoding": {"x": {**x, "field": "value"}, "y": y, "color": color, "description": tip}}  # fmt: skip
    spec: Spec = {
        "width": HALF,
        "height": {"step": 36},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": points},
        "layer": [at, span, dot],
    }
    return Figure(title, text, spec, half=True, more="; ".join(p["tip"] for p in points))


def tail_blocks(group: dict[str, Any]) -> list[Block]:
    """How KL and the probability of the right word are spread over tokens; a row per text."""
    found: dict[str, dict[str, dict[str, float]]] = group.get("tails") or {}
    if not found:
        return []
    names = list(found)
    rows: list[dict[str, Any]] = [
        {"share": words, "order": order, "of": name, "kl": max(1e-6, found[name]["kl"][key]),
         "tip": f"{name}: {words} of the tokens have a KL of at most {found[name]['kl'][key]:.3g} nats"}
        for name in names
        for order, (key, words) in enumerate(_OF_KL.items())
        if key in found[name]["kl"]
    ]  # fmt: skip
    x = {"field": "share", "type": "ordinal", "sort": {"field": "order"}, "axis": {"title": "share of the tokens with at most", "labelAngle": 0}}  # fmt: skip
    y = {"field": "kl", "type": "quantitative", "scale": {"type": "log"}, "axis": {"title": _NATS, "format": "~g", "values": decades(min(r["kl"] for r in rows), max(r["kl"] for r in rows))}}  # fmt: skip
    legend = {"title": None, "columns": 1} if len(names) > 1 else None
    color = {"field": "of", "type": "nominal", "scale": colors(names), "legend": legend}
    line = {"mark": {"type": "line"}, "encoding": {"x": x, "y": y, "color": color}}
    dots = {"mark": {"type": "point"}, "encoding": {"x": x, "y": y, "color": color, "description": {"field": "tip"}}}  # fmt: skip
    spec: Spec = {"width": HALF, "height": 220, "data": {"values": rows}, "layer": [line, dots]}
    text = "; ".join(
        f"{name}: half of the tokens below {found[name]['kl']['p50']:.2g}, one in a hundred above {found[name]['kl']['p99']:.2g}"
        for name in names
    )
    keys = list(dict.fromkeys(key for name in names for key in found[name]["delta_p"]))
    table: list[list[Any]] = [
        [name, *(f"{found[name]['delta_p'][key]:{'' if key == 'rms' else '+'}.2%}" for key in keys)]
        for name in names
    ]
    caption = (
        "Change of the right word's probability, in points: percentiles over tokens, mean, root mean square"
    )
    return [Figure("KL over tokens", text, spec, half=True), Table(("of", *keys), table, caption)]


def generation_blocks(group: dict[str, Any]) -> list[Block]:
    """Where greedy texts part, the earliest first, with both texts."""
    blocks: list[Block] = []
    for label, found in (group.get("generations") or {}).items():
        parted = found["first_differences"]
        text = f"{found['identical']} of {found['prompts']} continuations are equal"
        text += f"; the others part after {parted[0]} to {parted[-1]} tokens" if parted else ""
        head = ("prompts", "equal throughout", "first differences after, in tokens")
        row: list[Any] = [str(found["prompts"]), str(found["identical"]), ", ".join(map(str, parted)) or "–"]
        blocks.append(Table(head, [row], f"Greedy continuations, {label}: {text}"))
        blocks += [
            Quote(
                f"{index + 1}. {one['document']}",
                f"the first {one['equal']} of {one['tokens']} tokens are equal",
                f"… {one['prompt']}\n\nreference: {one['reference']} …\n\nartifact: {one['own']} …",
            )
            for index, one in enumerate(found["worst"])
        ]
    return blocks
