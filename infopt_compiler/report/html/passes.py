"""The pass graph, laid out in columns from the sources on, with times and cache hits."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from infopt_compiler.report.html.blocks import Badge, Block, Cell, Figure, Section, Spec, Table
from infopt_compiler.report.html.scale import seconds, size
from infopt_compiler.report.html.theme import DIM, NARROW, PANEL, SERIES, WIDE

_BOX = (120, 52)  # px of a step
_GAP = (28, 18)  # px between columns, and between the steps of one
_DASHES = {"run": [], "cached": [5, 3], "not run": [1, 4]}
_DEEP = 6  # more columns than that stand one below the other on a wide page too


def passes(report: dict[str, Any]) -> Section:
    steps = (report.get("graph") or {}).get("steps") or []
    rows = {row["name"]: row for row in report["passes"]}
    blocks: list[Block] = []
    if steps:
        places = place(steps)
        columns = 1 + max(column for column, _ in places.values())
        spent = sum(row["seconds"] for row in rows.values() if not row["cached"])
        hits = sum(1 for row in rows.values() if row["cached"])
        text = f"{len(steps)} steps, {hits} from the cache; the others took {seconds(spent)}"
        wide = _spec(steps, rows, places, across=columns <= _DEEP, width=WIDE)
        narrow = _spec(steps, rows, places, across=False, width=NARROW)
        blocks.append(Figure("What was made from what", text, wide, narrow))
    if rows:
        head = ("step", "pass", "time", "cache", "peak memory", "size", "digest")
        blocks.append(Table(head, [_row(row) for row in rows.values()], "Every step that was run or found"))
    lead = "Dashed boxes came from the cache; their time is that of the run that made them."
    return Section("passes", "Passes", lead, blocks)


def _row(row: dict[str, Any]) -> list[Cell]:
    return [
        row["name"],
        row["pass"],
        seconds(row["seconds"]),
        Badge("plain", "hit" if row["cached"] else "miss"),
        size(row["peak_rss_bytes"]),
        size(row.get("size_bytes")),
        (row["digest"] or "–")[:12],
    ]


def place(steps: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """(column, slot) of each step: the column is the longest way from a source, slots are filled in order.

    Steps stand in an order in which inputs come first, as the graph writes them.
    """
    columns: dict[str, int] = {}
    taken: dict[int, int] = defaultdict(int)
    found = {}
    for step in steps:
        before = [columns[name] for name in _inputs(step) if name in columns]
        column = 1 + max(before, default=-1)
        columns[step["name"]] = column
        found[step["name"]] = (column, taken[column])
        taken[column] += 1
    return found


def _inputs(step: dict[str, Any]) -> list[str]:
    """Names of the steps that it reads; an input is one name or several."""
    given = (step.get("inputs") or {}).values()
    return list(dict.fromkeys(n for names in given for n in ([names] if isinstance(names, str) else names)))


def _spec(
    steps: list[dict[str, Any]],
    rows: dict[str, dict[str, Any]],
    places: dict[str, tuple[int, int]],
    *,
    across: bool,
    width: int,
) -> Spec:
    """`across`: columns go to the right, else down. A pixel of the page is a unit of both axes."""
    most = 1 + max(slot for _, slot in places.values())
    columns = 1 + max(column for column, _ in places.values())
    across_count = columns if across else most
    box = (min(_BOX[0], (width - 16) // across_count - (_GAP[0] if across else 8)), _BOX[1])
    pitch = (box[0] + (_GAP[0] if across else 8), box[1] + (_GAP[1] if across else 30))
    centers = {}
    for name, (column, slot) in places.items():
        x, y = (column, slot) if across else (slot, column)
        centers[name] = (x * pitch[0] + box[0] / 2 + 4, y * pitch[1] + box[1] / 2 + 4)
    extent = (across_count * pitch[0], (most if across else columns) * pitch[1])
    boxes = [_box(step, rows.get(step["name"]), centers[step["name"]], box) for step in steps]
    edges = [
        edge
        for step in steps
        for name in _inputs(step)
        if name in centers
        for edge in _edge(f"{name}>{step['name']}", centers[name], centers[step["name"]], box, across)
    ]
    return {
        "width": min(width, extent[0] + 8),
        "height": extent[1],
        "autosize": {"type": "none"},
        "padding": 0,
        "data": {"values": boxes},
        "layer": _layers(edges, (min(width, extent[0] + 8), extent[1]), across),
    }


def _box(
    step: dict[str, Any], row: dict[str, Any] | None, center: tuple[float, float], box: tuple[int, int]
) -> dict[str, Any]:
    (x, y), (wide, high) = center, box
    if row is None:
        state, time = "not run", "did not run"
    elif row["cached"]:
        state, time = "cached", f"cached ({seconds(row['seconds'])})"
    else:
        state, time = "run", seconds(row["seconds"])
    room = max(8, wide // 7)
    name = step["name"] if len(step["name"]) <= room else step["name"][: room - 1] + "…"
    tip = f"{step['name']} = {step.get('pass', '')}: {time}"
    return {"x": x, "y": y, "x1": x - wide / 2, "x2": x + wide / 2, "y1": y - high / 2, "y2": y + high / 2,
            "name": name, "pass": step.get("pass", ""), "time": time, "state": state, "tip": tip}  # fmt: skip


def _edge(
    key: str, start: tuple[float, float], end: tuple[float, float], box: tuple[int, int], across: bool
) -> list[dict[str, Any]]:
    """Four points of a curve that leaves one box and enters the other squarely; the last one carries the arrow."""
    if across:
        a, b = (start[0] + box[0] / 2, start[1]), (end[0] - box[0] / 2 - 5, end[1])
        middle = b[0] - _GAP[0] / 2
        points = [a, (middle, a[1]), (middle, b[1]), b]
    else:
        a, b = (start[0], start[1] + box[1] / 2), (end[0], end[1] - box[1] / 2 - 5)
        middle = b[1] - 14
        points = [a, (a[0], middle), (b[0], middle), b]
    return [{"edge": key, "i": i, "x": x, "y": y, "tip": i == 3} for i, (x, y) in enumerate(points)]


def _layers(edges: list[dict[str, Any]], extent: tuple[float, float], across: bool) -> list[Spec]:
    x = {"type": "quantitative", "scale": {"domain": [0, extent[0]], "nice": False}, "axis": None}
    y = {"type": "quantitative", "scale": {"domain": [extent[1], 0], "nice": False}, "axis": None}
    at = {"x": {**x, "field": "x"}, "y": {**y, "field": "y"}}
    line = {"data": {"values": edges}, "mark": {"type": "line", "color": DIM, "strokeWidth": 1.3, "interpolate": "monotone" if across else "linear"},
            "encoding": {**at, "detail": {"field": "edge"}, "order": {"field": "i"}}}  # fmt: skip
    arrow = {"data": {"values": [edge for edge in edges if edge["tip"]]},
             "mark": {"type": "point", "shape": "triangle-right" if across else "triangle-down", "color": DIM, "size": 50},
             "encoding": at}  # fmt: skip
    boxes = [
        {"transform": [{"filter": f"datum.state === '{state}'"}],
         "mark": {"type": "rect", "color": PANEL, "stroke": SERIES[0], "strokeWidth": 1.5, "strokeDash": dash, "cornerRadius": 5},
         "encoding": {"x": {**x, "field": "x1"}, "x2": {"field": "x2"}, "y": {**y, "field": "y1"}, "y2": {"field": "y2"},
                      "description": {"field": "tip"}}}
        for state, dash in _DASHES.items()
    ]  # fmt: skip
    words = [
        {"mark": {"type": "text", "dy": dy, "fontSize": height, "fontWeight": weight, "color": color},
         "encoding": {**at, "text": {"field": field}}}
        for field, dy, height, weight, color in (
            ("name", -14, 12, "bold", "var(--fg)"), ("pass", 1, 11, "normal", "var(--fg)"), ("time", 15, 10, "normal", DIM)
        )
    ]  # fmt: skip
    return [*([line, arrow] if edges else []), *boxes, *words]
