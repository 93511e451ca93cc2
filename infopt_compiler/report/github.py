"""A report as GitHub's annotations: its errors and bounds at their lines of the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infopt_compiler.diagnostics import annotation
from infopt_compiler.report.values import bound_labels, interval_text, margin_text, value_text, worst_first

_LEVEL = {"missed": "error", "inconclusive": "error", "predicted": "notice"}


def annotate(report: dict[str, Any], job: str = "") -> Iterator[str]:
    """Lines for a workflow's log: a diagnostic, and a bound that is not met, each; `job` names one of a sweep."""
    for found in report.get("diagnostics") or []:
        yield annotation(found["severity"], job + found["code"], found["message"], found["span"])
    labels = dict(zip(map(id, report["bounds"]), bound_labels(report["bounds"]), strict=True))
    for bound in worst_first(report["bounds"]):
        level = _LEVEL.get(bound["verdict"])
        if level is not None:
            level = "warning" if bound["severity"] == "warn" and level == "error" else level
            value = f"{value_text(bound, bound['value'])} [{interval_text(bound)}], {margin_text(bound)}"
            title = f"{job}{bound['verdict']}"
            yield annotation(level, title, f"{labels[id(bound)]}: {value}", bound.get("span"))
