"""What each pass on the way changed, as a waterfall per metric."""

from __future__ import annotations

from typing import Any

from infopt_compiler.report.attributed import slight
from infopt_compiler.report.html.blocks import Block, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import known, lower_is_better, metric_scale, text_of
from infopt_compiler.report.html.theme import DIM, HALF

_SMALL = 0.3  # of the largest value
_KINDS = {"start": "var(--dim)", "better": "var(--met)", "worse": "var(--missed)", "end": "var(--s1)"}


def attribution(report: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    for budget, found in (report.get("attribution") or {}).items():
        steps = found.get("steps") or []
        metrics = [m for m in found.get("metrics") or [] if any(m in (s.get("values") or {}) for s in steps)]
        blocks += [figure for m in metrics if (figure := _waterfall(m, steps)) is not None]
        rows = [
            _row(step, metric) for metric in metrics for step in steps if metric in (step.get("values") or {})
        ]
        if rows:
            head = ("step", "pass", "metric", "before", "after", "change", "basis", "note")
            blocks.append(Table(head, rows, f"What each step of {budget} did"))
    lead = (
        "From the source to what ships: how far each pass moved a value. Quality is on the budget's first text; speed and "
        "memory are of few requests in fresh processes, taking turns. Steps that share a change stand together; a predicted value is "
        "never held against a measured one."
    )
    return Section("attribution", "Attribution", lead, blocks)


def _row(step: dict[str, Any], metric: str) -> list[Any]:
    value = step["values"][metric]
    return [
        step["name"],
        step.get("pass") or "",
        metric,
        text_of(metric, value.get("before")),
        text_of(metric, value.get("after")),
        change_text(metric, value),
        value.get("basis") or "",
        value.get("note") or "",
    ]


def change_text(metric: str, value: dict[str, Any]) -> str:
    """`−391 MB (−78%)`, with its sign; of a first value nothing."""
    before, after = value.get("before"), value.get("after")
    if before is None or after is None:
        return "–"
    change = after - before
    if change == 0:
        return "no change"
    if slight(before, after):
        return f"{'+' if change > 0 else '−'}{text_of(metric, abs(change))} (under 0.05%)"
    share = f" ({change / before:+.1%})" if before else ""
    return f"{'+' if change > 0 else '-'}{text_of(metric, abs(change))}{share}".replace("-", "−")


def _waterfall(metric: str, steps: list[dict[str, Any]]) -> Figure | None:
    """Bars from before to after, the first value and the last at the ends, all measured or all predicted; None where nothing is
    comparable."""
    moves = _moves(metric, steps)
    numbers = [v[key] for _, v in moves for key in ("before", "after") if v.get(key) is not None]
    if not any(v.get("before") is not None for _, v in moves):
        return None
    scale = metric_scale(metric, numbers) if known(metric) else metric_scale("perplexity", numbers)
    low = known(metric) and lower_is_better(metric)
    rows: list[dict[str, Any]] = []
    first = next(v["before"] for _, v in moves if v.get("before") is not None)
    rows.append(_bar("before", 0.0, scale(first), "start", text_of(metric, first)))
    for step, value in moves:
        if value.get("before") is None:
            continue
        change = value["after"] - value["before"]
        kind = "better" if (change <= 0) == low else "worse"
        mark = "" if slight(value["before"], value["after"]) or change == 0 else f", {kind}"
        basis = "" if value.get("basis") in (None, "measured", "exact") else f", {value['basis']}"
        label = f"{change_text(metric, value)}{basis}{mark}"
        rows.append(_bar(_names(step, value), scale(value["before"]), scale(value["after"]), kind, label))
    last = moves[-1][1]["after"]
    rows.append(_bar("ships", 0.0, scale(last), "end", text_of(metric, last)))
    text = f"{metric} goes from {text_of(metric, first)} to {text_of(metric, last)}: " + "; ".join(
        f"{row['step']} {row['label']}" for row in rows[1:-1]
    )
    return Figure(metric, text, _spec(rows, scale.title(metric)), half=True)


def _moves(metric: str, steps: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The steps with a value and that value, of one kind: measured where there is a change of measured values, else predicted."""
    found = [(step, (step.get("values") or {}).get(metric) or {}) for step in steps]
    known = [(step, value) for step, value in found if value.get("after") is not None]
    measured = [(step, value) for step, value in known if value.get("basis") != "predicted"]
    predicted = [(step, value) for step, value in known if value.get("basis") == "predicted"]
    return measured if any(value.get("before") is not None for _, value in measured) else predicted


def _names(step: dict[str, Any], value: dict[str, Any]) -> str:
    """`q + onnx`: a change that steps without a value of their own share with the next one."""
    return " + ".join([*(value.get("with") or []), step["name"]])


def _range(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """The axis: from 0, or, where the steps would not be seen beside the whole, from near the smallest value."""
    ends = [row["to"] for row in rows]
    low, high = min(ends), max(ends)
    far = low > 0 and high > low and (high - low) < _SMALL * high
    return (float(f"{low - (high - low) / 2:.3g}") if far else 0.0), high + (high - low or high or 1.0) * 0.02


def _bar(step: str, start: float, end: float, kind: str, label: str) -> dict[str, Any]:
    return {"step": step, "from": start, "to": end, "kind": kind, "label": label, "tip": f"{step}: {label}"}


def _spec(rows: list[dict[str, Any]], title: str) -> Spec:
    keyed = [{**row, "row": index} for index, row in enumerate(rows)]
    floor, top = _range(rows)
    keyed = [{**row, "from": max(row["from"], floor)} for row in keyed]
    title += f", from {floor:.4g}" if floor else ""
    y = {"field": "row", "type": "ordinal", "axis": None}
    x = {
        "type": "quantitative",
        "scale": {"domain": [floor, top], "nice": False, "zero": False},
        "axis": {"title": title, "tickCount": 4},
    }
    color = {"field": "kind", "type": "nominal", "legend": None,
             "scale": {"domain": list(_KINDS), "range": list(_KINDS.values())}}  # fmt: skip
    bars = {"mark": {"type": "bar", "height": 12, "stroke": DIM, "strokeWidth": 0.5, "yOffset": 7},
            "encoding": {"x": {**x, "field": "from"}, "x2": {"field": "to"}, "y": y, "color": color,
                         "description": {"field": "tip"}}}  # fmt: skip
    name = {"mark": {"type": "text", "align": "left", "dx": 1, "dy": -8, "fontWeight": "bold"},
            "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "step"}}}  # fmt: skip
    label = {"mark": {"type": "text", "align": "right", "dx": -1, "dy": -8},
             "encoding": {"x": {"value": "width"}, "y": y, "text": {"field": "label"}}}  # fmt: skip
    return {
        "width": HALF,
        "height": {"step": 36},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": keyed},
        "layer": [bars, name, label],
    }
