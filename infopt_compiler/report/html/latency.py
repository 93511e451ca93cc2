"""Where the time goes: distributions of the samples, and the course of a mean request."""

from __future__ import annotations

from itertools import accumulate, pairwise
from statistics import fmean
from typing import Any

from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import Scale, decades, row_of, scale_of, seconds
from infopt_compiler.report.html.theme import FG, HALF, NARROW, SERIES, WIDE, series
from infopt_compiler.report.values import limit_text
from infopt_compiler.units import Dimension

_MEANING = {
    "ttft": "time to the first token",
    "tpot": "time per output token",
    "itl": "gaps between tokens",
    "latency": "whole requests",
    "forward": "forward passes",
}
_DRAWN = 300  # points of a curve: more are not seen
_FAR = 20.0  # from this ratio of largest to smallest the axis is logarithmic
_QUANTILES = (0.5, 0.9, 0.95, 0.99)


def latency(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for group in report["measured"]:
        found: dict[str, dict[str, list[float]]] = group.get("distributions") or {}
        metrics = [m for m in _MEANING if any(values.get(m) for values in found.values())]
        for metric in metrics:
            samples = {name: values[metric] for name, values in found.items() if values.get(metric)}
            limits = [b for b in row_of(report, metric) if b.get("scenario") == group.get("scenario")]
            blocks.append(_curve(limits, metric, samples))
        if metrics:
            rows = [
                _quantiles(name, m, found[name][m]) for m in metrics for name in found if found[name].get(m)
            ]
            head = ("samples", "of", "smallest", "p50", "p90", "p95", "p99", "largest")
            blocks.append(
                Table(head, [list(row) for row in rows], "The samples behind the curves", folded=True)
            )
    lead = (
        "Share of the samples that took at most so long; steep is steady, a long foot at the top is a tail."
    )
    return Section("latency", "Latency", lead, blocks)


def timeline(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for group in report["measured"]:
        found: dict[str, dict[str, Any]] = group.get("timeline") or {}
        if found:
            blocks += _requests(found)
    lead = "A mean request: the prompt is read in one go, then each token waits for the one before."
    return Section("timeline", "Prefill and decode", lead, blocks)


def _curve(limits: list[dict[str, Any]], metric: str, samples: dict[str, list[float]]) -> Figure:
    largest = max(max(values) for values in samples.values())
    smallest = min(min(values) for values in samples.values())
    bounds = [b for b in limits if b["subject"] in samples and b["limit"] <= largest * 2]
    scale = scale_of(Dimension.time, [largest])
    rows = [row for name, values in samples.items() for row in _steps(name, sorted(values), scale)]
    log = smallest > 0 and largest / smallest > _FAR
    x = {
        "field": "x",
        "type": "quantitative",
        **(_log(scale(smallest), scale(largest)) if log else _linear()),
    }
    x["axis"]["title"] = scale.title(metric)
    y = {"field": "y", "type": "quantitative", "axis": {"format": ".0%", "title": None, "tickCount": 5},
         "scale": {"domain": [0, 1]}}  # fmt: skip
    line = {"mark": {"type": "line", "interpolate": "step-after"},
            "encoding": {"x": x, "y": y, "color": series(list(samples))}}  # fmt: skip
    marks = [{"at": scale(b["limit"]), "tip": f"limit of {b['metric']}: {limit_text(b)}"} for b in bounds]
    rule = {"data": {"values": marks}, "mark": {"type": "rule", "strokeDash": [5, 3], "color": FG},
            "encoding": {"x": {**x, "field": "at"}, "description": {"field": "tip"}}}  # fmt: skip
    spec: Spec = {
        "width": HALF,
        "height": 200,
        "data": {"values": rows},
        "layer": [line, *([rule] if marks else [])],
    }
    text = "; ".join(
        f"{name} has its median at {seconds(_at(sorted(values), 0.5))} and p95 at {seconds(_at(sorted(values), 0.95))}"
        for name, values in samples.items()
    )
    dashes = "; the dashed line is the limit" if marks else ""
    return Figure(f"{metric}: {_MEANING[metric]}", text + dashes, spec, half=True)


def _linear() -> dict[str, Any]:
    return {"scale": {"zero": False, "nice": True}, "axis": {"tickCount": 5}}


def _log(low: float, high: float) -> dict[str, Any]:
    domain = {"type": "log", "domain": [low, high], "nice": False}
    return {"scale": domain, "axis": {"values": decades(low, high, (1, 3)), "format": "~g"}}


def _steps(name: str, ordered: list[float], scale: Scale) -> list[dict[str, Any]]:
    """Points of the empirical distribution function, thinned over the ranks."""
    count = len(ordered)
    step = max(1, count // _DRAWN)
    ranks = sorted({*range(0, count, step), count - 1})
    return [{"subject": name, "x": scale(ordered[rank]), "y": round((rank + 1) / count, 4)} for rank in ranks]


def _quantiles(name: str, metric: str, values: list[float]) -> tuple[str, ...]:
    ordered = sorted(values)
    inner = (seconds(_at(ordered, share)) for share in _QUANTILES)
    return (metric, name, seconds(ordered[0]), *inner, seconds(ordered[-1]))


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _requests(found: dict[str, dict[str, Any]]) -> list[Block]:
    total = {n: t["prefill_seconds"] + sum(t["token_seconds"]) for n, t in found.items()}
    scale = scale_of(Dimension.time, total.values())
    share = {n: t["prefill_seconds"] / total[n] for n, t in found.items()}
    text = "; ".join(f"{n}: prefill is {share[n]:.0%} of {seconds(total[n])}" for n in found)
    rows = [row for name, course in found.items() for row in _course(name, course, scale)]
    blocks: list[Block] = [
        Figure("One request from left to right", text, _gantt(rows, scale, WIDE), _gantt(rows, scale, NARROW))
    ]
    gaps = scale_of(Dimension.time, [max(t["token_seconds"]) for t in found.values() if t["token_seconds"]])
    points = [
        {"subject": name, "position": index + 2, "gap": gaps(gap), "tip": f"token {index + 2}: {seconds(gap)}"}
        for name, course in found.items()
        for index, gap in enumerate(course["token_seconds"])
    ]  # fmt: skip
    names = list(found)
    text = "; ".join(_growth(name, course["token_seconds"]) for name, course in found.items())
    wide, narrow = (_gap_spec(points, names, gaps, width) for width in (WIDE, NARROW))
    blocks.append(Figure("Mean gap before each token", text, wide, narrow))
    head = ("request of", "load", "prefill", "decode", "tokens", "mean gap")
    table: list[list[Any]] = [
        [
            name,
            seconds(t["load_seconds"]),
            seconds(t["prefill_seconds"]),
            seconds(sum(t["token_seconds"])),
            str(len(t["token_seconds"]) + 1),
            seconds(fmean(t["token_seconds"])),
        ]
        for name, t in found.items()
    ]
    return [*blocks, Table(head, table, "Load is once per process; prefill and decode are of each request")]


def _course(name: str, course: dict[str, Any], scale: Scale) -> list[dict[str, Any]]:
    prefill, gaps = course["prefill_seconds"], course["token_seconds"]
    ends = list(accumulate(gaps, initial=prefill))
    first = {"from": 0, "to": scale(prefill), "phase": "prefill", "tip": f"prefill: {seconds(prefill)}"}
    rest = [
        {"from": scale(a), "to": scale(b), "phase": "decode", "tip": f"token {i + 2}: {seconds(b - a)}"}
        for i, (a, b) in enumerate(pairwise(ends))
    ]
    return [{"subject": name, **row} for row in (first, *rest)]


def _gantt(rows: list[dict[str, Any]], scale: Scale, width: int) -> Spec:
    color = {"field": "phase", "type": "nominal", "legend": {"title": None},
             "scale": {"domain": ["prefill", "decode"], "range": [SERIES[0], SERIES[1]]}}  # fmt: skip
    return {
        "width": width,
        "height": {"step": 38},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "mark": {"type": "bar", "height": 22, "stroke": "var(--bg)", "strokeWidth": 0.6},
        "encoding": {
            "x": {"field": "from", "type": "quantitative", "axis": {"title": scale.title("time since the request")}},
            "x2": {"field": "to"},
            "y": {"field": "subject", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 90}},
            "color": color,
            "description": {"field": "tip"},
        },
    }  # fmt: skip


def _gap_spec(points: list[dict[str, Any]], names: list[str], scale: Scale, width: int) -> Spec:
    x = {"field": "position", "type": "quantitative", "scale": {"zero": False, "nice": False},
         "axis": {"title": "output token", "tickCount": 8}}  # fmt: skip
    y = {"field": "gap", "type": "quantitative", "axis": {"title": scale.title("gap"), "tickCount": 5}}
    encoding = {"x": x, "y": y, "color": series(names)}
    dots = {"mark": {"type": "point", "size": 14},
            "encoding": {**encoding, "description": {"field": "tip"}}}  # fmt: skip
    line = {"mark": {"type": "line", "strokeWidth": 1.2}, "encoding": encoding}
    return {"width": width, "height": 190, "data": {"values": points}, "layer": [line, dots]}


def _growth(name: str, gaps: list[float]) -> str:
    """How much a late token costs more than an early one: keys and values grow."""
    quarter = max(1, len(gaps) // 4)
    early, late = fmean(gaps[:quarter]), fmean(gaps[-quarter:])
    return f"{name}: {seconds(early)} in the first quarter, {seconds(late)} in the last"
