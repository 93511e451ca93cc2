"""Values of bounds as people read them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from infopt_compiler.metrics import METRICS
from infopt_compiler.units import UNITS, Dimension, human

BIT = UNITS["bits"].scale  # nats

MARK = {
    "met": "✓ met",
    "missed": "✗ missed",
    "inconclusive": "? inconclusive",
    "predicted": "~ predicted",
    "baseline": "○ baseline",
}


def bound_text(bound: dict[str, Any]) -> str:
    """`ttft.p95 <= 600 ms`, as the recipe says it."""
    warn = "warn " if bound["severity"] == "warn" else ""
    return f"{warn}{bound['metric']} {bound['operator']} {bound['limit_raw']}{_clauses(bound)}"


def _clauses(bound: dict[str, Any]) -> str:
    reference = bound.get("reference")
    vs = f" vs {reference}" if reference and not bound["limit_raw"].endswith(f" of {reference}") else ""
    on = f" on {bound['on']}" if bound.get("on") else ""
    at = f" at {bound['at'] * 100:g}% confidence" if bound.get("at") else ""
    return vs + on + at


def value_text(bound: dict[str, Any], value: float | None) -> str:
    """A value in base units with the unit that the dimension is read in."""
    if value is None:
        return "–"
    if bound["metric"].startswith("bits_"):
        return f"{value / BIT:.4g} bits" if bound["metric"] == "bits_per_byte" else f"{value:.4g} bits"
    return human(value, dimension_of(bound["metric"]), digits=4)


def dimension_of(metric: str) -> Dimension:
    """The dimension of `ttft.p95` or `memory.peak`: the metric's name may itself hold a point."""
    definition = METRICS.get(metric) or METRICS[metric.rpartition(".")[0]]
    return definition.dimension


def interval_text(bound: dict[str, Any]) -> str:
    """`low … high`; of an interval with one open end the end that is known."""
    low, high = bound.get("interval") or (None, None)
    if low is None and high is None:
        return "–"
    if low is None or high is None:
        return f"≤ {value_text(bound, high)}" if low is None else f"≥ {value_text(bound, low)}"
    return "exact" if low == high else f"{value_text(bound, low)} … {value_text(bound, high)}"


def limit_text(bound: dict[str, Any]) -> str:
    limit = bound.get("limit")
    return (
        f"{bound['operator']} {value_text(bound, limit)}"
        if limit is not None
        else f"{bound['operator']} {bound['limit_raw']}"
    )


def margin_text(bound: dict[str, Any]) -> str:
    """How far the value is from the limit, in percent of the limit: `12% inside`, `3.1x over`."""
    value, limit = bound.get("value"), bound.get("limit")
    if value is None or not limit:
        return "–"
    upper = bound["operator"] in ("<=", "<")
    inside = value <= limit if upper else value >= limit
    ratio = value / limit
    if not inside and upper and ratio >= 2:
        return f"{ratio:.1f}× over"
    word = "inside" if inside else "over" if upper else "under"
    return f"{abs(ratio - 1) * 100:.1f}% {word}"


def coverage_notes(report: dict[str, Any]) -> list[str]:
    """What the verdicts cover, one line per distinct note: of the machine's state, of each bound, of all bounds together."""
    groups = report["measured"]
    notes = [
        f"! {note}" for group in groups for note in (group.get("machine_state") or {}).get("notes") or []
    ]
    notes += [f"{b['metric']}: {b['note']}" for b in report["bounds"] if b.get("note")]
    notes += [text for group in groups for text in domains_text(group)]
    families = [(group.get("environment") or {}).get("family") or {} for group in groups]
    notes += [family["note"] for family in families if family.get("note")]
    return list(dict.fromkeys(notes))


def domains_text(group: dict[str, Any]) -> list[str]:
    """Of two texts or more, against one reference: on which the artifact strays further, and whether the intervals say so."""
    rows = group.get("domains") or []
    found = []
    for worse, better in pairwise(rows):
        if worse["reference"] != better["reference"]:
            continue
        high, low = worse["kl_mean"], better["kl_mean"]
        times = f" (×{high['value'] / low['value']:.2g})" if low["value"] else ""
        apart = (high["interval"][0] or 0.0) > (low["interval"][1] or math.inf)
        sure = "their intervals do not overlap" if apart else "their intervals overlap"
        found.append(
            f"`{worse['on']}` degrades more than `{better['on']}` against `{worse['reference']}`: mean KL {high['value']:.3g} and "
            f"{low['value']:.3g} nats{times}, perplexity ×{worse['perplexity_ratio']['value']:.4g} and "
            f"×{better['perplexity_ratio']['value']:.4g}; {sure}"
        )
    return found


def last_line(report: dict[str, Any], where: str) -> str:
    """The last line on the terminal: the verdict, and where the report is."""
    bounds = [b for b in report["bounds"] if b["severity"] == "error"]
    missed = [b for b in bounds if b["verdict"] == "missed"]
    open_ = [b for b in bounds if b["verdict"] in ("inconclusive", "predicted")]
    if report["verdict"] == "missed" and any(d["code"] == "E0913" for d in report["diagnostics"]):
        return f"MISSED · refused before anything was computed: {_first_error(report['diagnostics'])} · report: {where}"
    texts = {
        "met": f"by prediction; {len(open_)} of {len(bounds)} bounds not decided by measuring"
        if open_
        else _met(bounds),
        "missed": f"{len(missed)} of {len(bounds)} bounds missed: " + ", ".join(b["metric"] for b in missed)
        if missed
        else f"by prediction; {len(open_)} of {len(bounds)} bounds not decided by measuring",
        "inconclusive": f"{len(open_)} of {len(bounds)} bounds inconclusive: "
        + ", ".join(b["metric"] for b in open_),
        "predicted": f"predicted only, on {report['target'].get('name')}: {len(open_)} of {len(bounds)} bounds not measured",
        "failed": _first_error(report["diagnostics"]),
    }
    return f"{report['verdict'].upper()} · {texts[report['verdict']]} · report: {where}"


def _met(bounds: list[dict[str, Any]]) -> str:
    first = [b["metric"] for b in bounds if b["verdict"] == "baseline"]
    judged = len(bounds) - len(first)
    met = "its bound is met" if judged == 1 else f"all {judged} bounds are met"
    words = met if judged else "built; no bounds to judge"
    return f"{words}; kept for the next build to be held to: {', '.join(first)}" if first else words


def _first_error(diagnostics: list[dict[str, Any]]) -> str:
    messages = (d["message"].splitlines()[0] for d in diagnostics if d["severity"] == "error")
    return next(messages, "no reason was given")
