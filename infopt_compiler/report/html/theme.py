"""How the drawings look. Colours are CSS variables, so one drawing serves light, dark and paper.

Series take the colours of M. Okabe and K. Ito, Color Universal Design, 2008: told apart with any colour vision.
"""

from __future__ import annotations

from typing import Any

SERIES = ("var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)", "var(--s6)")
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")
VERDICT_COLOR = {
    "met": "var(--met)",
    "missed": "var(--missed)",
    "inconclusive": "var(--open)",
    "predicted": "var(--predicted)",
    "baseline": "var(--predicted)",
}
VERDICT_SHAPE = {
    "met": "circle",
    "missed": "cross",
    "inconclusive": "diamond",
    "predicted": "square",
    "baseline": "triangle-up",
}
FG, DIM, GRID, PANEL = "var(--fg)", "var(--dim)", "var(--grid)", "var(--panel)"
FONT = "Helvetica, Arial, sans-serif"

WIDE, NARROW = 1000, 320  # px, axes and legend included; half figures are drawn for both at HALF
HALF = 320

CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": FG,
        "titleColor": DIM,
        "gridColor": GRID,
        "domainColor": DIM,
        "tickColor": DIM,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "legend": {
        "labelColor": FG,
        "titleColor": DIM,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "orient": "top",
        "symbolStrokeWidth": 2,
    },
    "text": {"color": FG, "fontSize": 11},
    "title": {"color": FG},
    "rule": {"color": DIM},
    "line": {"color": SERIES[0], "strokeWidth": 2},
    "bar": {"color": SERIES[0]},
    "point": {"color": SERIES[0], "filled": True, "size": 60, "opacity": 1},
    "rect": {"color": SERIES[0]},
}


def colors(names: list[str]) -> dict[str, Any]:
    """A colour for each name, the same in every drawing with those names in that order."""
    return {"domain": names, "range": [SERIES[index % len(SERIES)] for index in range(len(names))]}


def series(names: list[str], field: str = "subject") -> dict[str, Any]:
    """The `color` channel by name; a single name needs no legend."""
    legend = {"title": None} if len(names) > 1 else None
    return {"field": field, "type": "nominal", "scale": colors(names), "legend": legend}
