"""Values of bounds as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from infopt_compiler.metrics import METRICS, Needs, metric_of
from infopt_compiler.units import UNITS, Dimension, human

BIT = UNITS["bits"].scale  # nats

MARK = {
    "met": "✓ met",
    "missed": "✗ missed",
    "inconclusive": "? inconclusive",
    "predicted": "~ predicted",
    "baseline": "○ baseline",
}


# What failed stands first; among equals the order of the recipe, `warn` behind what counts.
_WORST_FIRST = ("missed", "inconclusive", "predicted", "baseline", "met")


def worst_first(bounds: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bounds as tables show them: what is missed or open first."""
    return sorted(bounds, key=lambda b: (_WORST_FIRST.index(b["verdict"]), b["severity"] == "warn"))


def bound_text(bound: dict[str, Any]) -> str:
    """`ttft.p95 <= 600 ms`, as the recipe says it."""
    warn = "warn " if bound["severity"] == "warn" else ""
    return f"{warn}{bound['metric']} {bound['operator']} {bound['limit_raw']}{_clauses(bound)}"


def bound_labels(bounds: Sequence[dict[str, Any]]) -> list[str]:
    """`bound_text` of each; where budgets share a metric also the scenario, else the subject, else the budget."""
    return [bound_text(bound) + _apart(bound, bounds) for bound in bounds]


def column_labels(bounds: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each that holds in all jobs of a sweep, without the limit, which may be swept: `perplexity on heldout`."""
    names = [
        f"{'warn ' if bound['severity'] == 'warn' else ''}{bound['metric']}{_clauses(bound)}{_apart(bound, bounds)}"
        for bound in bounds
    ]
    names = [
        f"{name} {bound['operator']}" if names.count(name) > 1 else name
        for name, bound in zip(names, bounds, strict=True)
    ]
    turns = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [f"{name} ({turn})" if turn > 1 else name for name, turn in zip(names, turns, strict=True)]


def metric_of_column(label: str) -> str:
    return label.removeprefix("warn ").partition(" ")[0]


def _apart(bound: dict[str, Any], bounds: Sequence[dict[str, Any]]) -> str:
    """What tells a bound from those of other budgets on its metric; empty where there are none."""
    others = [b for b in bounds if b["metric"] == bound["metric"] and b.get("budget") != bound.get("budget")]
    for key, word in (("scenario", "under"), ("subject", "of"), ("budget", "in")):
        if bound.get(key) and any(other.get(key) != bound[key] for other in others):
            return f" {word} {bound[key]}"
    return ""


def value_labels(group: dict[str, Any]) -> list[str]:
    """A name for each row of a group of `measured`: the metric, and what tells it from others of that metric."""
    rows = group["values"]
    names = [row["metric"] for row in rows]
    return [_value_label(row, rows) if names.count(row["metric"]) > 1 else row["metric"] for row in rows]


def _value_label(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    same = [other for other in rows if other["metric"] == row["metric"]]
    words = (("subject", "of"), ("reference", "vs"), ("on", "on"), ("scenario", "under"))
    told = [
        f" {word} {row[key]}" for key, word in words if row.get(key) and len({r.get(key) for r in same}) > 1
    ]
    return "".join([row["metric"], *told])


def _clauses(bound: dict[str, Any]) -> str:
    reference = bound.get("reference")
    vs = f" vs {reference}" if reference and not bound["limit_raw"].endswith(f" of {reference}") else ""
    on = f" on {bound['on']}" if bound.get("on") else ""
    at = f" at {bound['at'] * 100:g}% confidence" if bound.get("at") else ""
    return vs + on + at


def value_text(bound: dict[str, Any], value: float | None, digits: int = 4) -> str:
    """A value in base units with the unit that the dimension is read in."""
    if value is None:
        return "–"
    if bound["metric"].startswith("bits_"):
        bits = value / BIT if bound["metric"] == "bits_per_byte" else value
        return f"{bits:.{digits}g} bits"
    return human(value, dimension_of(bound["metric"]), digits=digits)


def dimension_of(metric: str) -> Dimension:
    """The dimension of `ttft.p95` or `memory.peak`."""
    return METRICS[metric_of(metric)].dimension


def interval_text(bound: dict[str, Any], digits: int = 4) -> str:
    """`low … high`; of an interval with one open end the end that is known."""
    low, high = bound.get("interval") or (None, None)
    if low is None and high is None:
        return "–"
    if low is None or high is None:
        return (
            f"≤ {value_text(bound, high, digits)}" if low is None else f"≥ {value_text(bound, low, digits)}"
        )
    return "exact" if low == high else f"{value_text(bound, low, digits)} … {value_text(bound, high, digits)}"


def limit_text(bound: dict[str, Any]) -> str:
    limit = bound.get("limit")
    return (
        f"{bound['operator']} {value_text(bound, limit)}"
        if limit is not None
        else f"{bound['operator']} {bound['limit_raw']}"
    )


def short_interval(bound: dict[str, Any], digits: int = 4) -> str:
    """`298 … 310 ms`: the unit once where both ends have it."""
    whole = interval_text(bound, digits)
    low, _, high = whole.partition(" … ")
    number, _, unit = low.partition(" ")
    return f"{number} … {high}" if unit and high.endswith(f" {unit}") else whole


def margin_text(bound: dict[str, Any]) -> str:
    """How far the value is from the limit: `12% inside`, `3.4% over`; from twice the limit on `3.1× the limit`.

    A share is at most 100 %. Where value or limit is negative neither says anything: then the difference.
    """
    value, limit = bound.get("value"), bound.get("limit")
    if value is None or limit is None:
        return "–"
    upper = bound["operator"] in ("<=", "<")
    word = "inside" if (value <= limit if upper else value >= limit) else "over" if upper else "under"
    if limit <= 0 or value < 0:
        return f"{value_text(bound, abs(value - limit))} {word}"
    ratio = value / limit
    if ratio >= 2:
        return f"{ratio:.1f}× the limit"
    percent = abs(ratio - 1) * 100
    told = f"{percent:.1f}" if percent < 9.95 else f"{percent:.0f}" if percent < 99.5 else ">99"
    return f"{told}% {word}"


def busy_notes(report: dict[str, Any]) -> list[str]:
    """What others did to the machine, of budgets of which a time bound was judged: nothing else suffers from it."""
    timed = {b.get("budget", b["subject"]) for b in report["bounds"] if is_timed(b)}
    groups = [group for group in report["measured"] if group.get("budget", group["subject"]) in timed]
    found = [note for group in groups for note in (group.get("machine_state") or {}).get("notes") or []]
    return list(dict.fromkeys(found))


def is_timed(bound: dict[str, Any]) -> bool:
    """Judged by time that was measured: what a busy machine spoils."""
    metric = metric_of(bound["metric"])
    needs_requests = METRICS[metric].needs is Needs.scenario and not metric.startswith("memory")
    return needs_requests and bound["basis"] == "measured"


def bound_notes(report: dict[str, Any]) -> list[str]:
    """Each note of bounds once, behind the metrics that it is about."""
    shared: dict[str, list[str]] = {}
    for bound in report["bounds"]:
        for note in filter(None, (bound.get("note") or "").split("; ")):
            shared.setdefault(note, []).append(bound["metric"])
    return [f"{', '.join(dict.fromkeys(metrics))}: {note}" for note, metrics in shared.items()]


def coverage_notes(report: dict[str, Any]) -> list[str]:
    """What the verdicts cover, each note once with all that it is about: of the machine, of bounds, of all together."""
    groups = report["measured"]
    notes = [*(f"! {note}" for note in busy_notes(report)), *bound_notes(report)]
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
    return f"{verdict_line(report)} · report: {where}"


def verdict_line(report: dict[str, Any]) -> str:
    """`MISSED · 1 of 3 bounds missed: size`."""
    bounds = [b for b in report["bounds"] if b["severity"] == "error"]
    missed = [b for b in bounds if b["verdict"] == "missed"]
    open_ = [b for b in bounds if b["verdict"] in ("inconclusive", "predicted")]
    if report["verdict"] == "missed" and any(d["code"] == "E0913" for d in report["diagnostics"]):
        return f"MISSED · refused before anything was computed: {_first_error(report['diagnostics'])}"
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
    return f"{report['verdict'].upper()} · {texts[report['verdict']]}"


def _met(bounds: list[dict[str, Any]]) -> str:
    first = [b["metric"] for b in bounds if b["verdict"] == "baseline"]
    judged = len(bounds) - len(first)
    met = "its bound is met" if judged == 1 else f"all {judged} bounds are met"
    words = met if judged else "built; no bounds to judge"
    return f"{words}; kept for the next build to be held to: {', '.join(first)}" if first else words


def _first_error(diagnostics: list[dict[str, Any]]) -> str:
    messages = (d["message"].splitlines()[0] for d in diagnostics if d["severity"] == "error")
    return next(messages, "no reason was given")
