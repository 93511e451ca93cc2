"""A report as GitHub's annotations: its errors and bounds at their lines of the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infopt_compiler.diagnostics import Annotation, annotation, diagnostic_annotations
from infopt_compiler.report.values import bound_labels, interval_text, margin_text, value_text, worst_first

_LEVEL = {"missed": "error", "inconclusive": "error", "predicted": "notice"}


def annotate(report: dict[str, Any]) -> Iterator[Annotation]:
    """A diagnostic, and a bound that is not met, each."""
    yield from diagnostic_annotations(report.get("diagnostics") or [])
    labels = dict(zip(map(id, report["bounds"]), bound_labels(report["bounds"]), strict=True))
    for bound in worst_first(report["bounds"]):
        level = _LEVEL.get(bound["verdict"])
        if level is not None:
            level = "warning" if bound["severity"] == "warn" and level == "error" else level
            value = f"{value_text(bound, bound['value'])} [{interval_text(bound)}], {margin_text(bound)}"
            yield annotation(level, bound["verdict"], f"{labels[id(bound)]}: {value}", bound.get("span"))
