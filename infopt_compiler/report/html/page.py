"""The page: sections from the report's plain data, drawings from their specs, markup from the template."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

from infopt_compiler.report.html.attribution import attribution
from infopt_compiler.report.html.blocks import Figure, Section
from infopt_compiler.report.html.distillation import distillation
from infopt_compiler.report.html.draw import DrawingError, draw
from infopt_compiler.report.html.latency import latency, timeline
from infopt_compiler.report.html.layers import layers
from infopt_compiler.report.html.memory import memory
from infopt_compiler.report.html.passes import passes
from infopt_compiler.report.html.predictions import last, predictions
from infopt_compiler.report.html.provenance import diagnostics, provenance
from infopt_compiler.report.html.quality import quality
from infopt_compiler.report.html.roofline import roofline
from infopt_compiler.report.html.tuning import tuning
from infopt_compiler.report.html.verdict import budget
from infopt_compiler.report.values import busy_notes, verdict_line

SECTIONS: tuple[Callable[[dict[str, Any]], Section], ...] = (
    diagnostics,
    budget,
    latency,
    timeline,
    memory,
    quality,
    distillation,
    roofline,
    layers,
    attribution,
    passes,
    tuning,
    predictions,
    last,
    provenance,
)
SYMBOL = {"met": "✓", "missed": "✗", "inconclusive": "?", "predicted": "~", "failed": "✗"}
_TEMPLATES = files("infopt_compiler.report.html") / "templates"


def html(report: dict[str, Any]) -> str:
    """report.html from the data of report.json: no script, nothing fetched; sections without data are left out."""
    from jinja2 import BaseLoader, Environment, StrictUndefined

    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (_TEMPLATES / "style.css").read_text("utf-8")
    template = environment.from_string((_TEMPLATES / "page.html").read_text("utf-8"))
    number = _numbers()
    return template.render(
        report=report,
        sections=[section for section in (make(report) for make in SECTIONS) if section.blocks],
        symbol=SYMBOL[report["verdict"]],
        summary=verdict_line(report).partition(" · ")[2],
        busy=busy_notes(report),
        told=report.get("next"),
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        draw=lambda figure: _drawings(figure, next(number)),
    )


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def _drawings(figure: Figure, number: int) -> dict[str, Any]:
    """The wide drawing and the narrow one; a drawing that fails costs itself and not the report."""
    try:
        text = f"{figure.text} {figure.more}".strip()
        wide = draw(figure.wide, figure.title, text, f"f{number}w-")
        narrow = draw(figure.narrow, figure.title, text, f"f{number}n-") if figure.narrow else None
    except DrawingError as problem:
        return {"problem": f"could not be drawn: {problem}"}
    return {"wide": wide, "narrow": narrow, "problem": None}
