"""Two reports as one: `a` is the older or reference build, `b` the other. Plain data in the units of report.json."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infopt_compiler.budget import finite
from infopt_compiler.metrics import METRICS, Direction, metric_of
from infopt_compiler.report.diff.conditions import NOT_SHOWN, Conditions
from infopt_compiler.report.values import bound_text

Row = dict[str, Any]
Key = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> Row:
    """See docs/history.md for the fields. A ratio is b over a."""
    under = Conditions.of(a, b)
    return {
        "a": _build(a),
        "b": _build(b),
        "same_recipe": a["recipe"] == b["recipe"],
        "same_machine": under.same_machine,
        "bounds": [_bound(x, y, under) for x, y in _pairs(a["bounds"], b["bounds"], _bound_key)],
        "values": [_figure(x, y, under) for x, y in _pairs(_values(a), _values(b), _value_key)],
        "passes": [_pass(x, y) for x, y in _pairs(a["passes"], b["passes"], lambda row: (row["name"],))],
        "parameters": _changes(_parameters(a), _parameters(b)),
        "overrides": {"a": list(a.get("overrides") or []), "b": list(b.get("overrides") or [])},
        "environment": _changes(_environment(a), _environment(b)),
        "artifacts": [
            _artifact(x, y) for x, y in _pairs(a["artifacts"], b["artifacts"], lambda row: (row["binding"],))
        ],
    }


def _build(report: Mapping[str, Any]) -> Row:
    return {key: report.get(key) for key in ("recipe", "started", "seconds", "verdict", "exit_code")}


def _pairs(a: Iterable[Mapping[str, Any]], b: Iterable[Mapping[str, Any]], key: Key) -> list[tuple[Any, Any]]:
    """Rows of the same key beside each other, in the order of `b`, then those that only `a` has; None for no partner."""
    left, right = ({key(row): row for row in rows} for rows in (a, b))
    names = [*right, *(name for name in left if name not in right)]
    return [(left.get(name), right.get(name)) for name in names]


def _bound_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Bounds are the same one whatever their limit is, unless one is `of last`."""
    names = ("budget", "metric", "operator", "severity", "on", "reference")
    return *(row.get(name) for name in names), row["limit_raw"].endswith(" of last")


def _value_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("budget", "subject", "metric", "on", "reference", "scenario"))


def _values(report: Mapping[str, Any]) -> list[Row]:
    return [
        {**value, "budget": group.get("budget")}
        for group in report.get("measured") or []
        for value in group["values"]
    ]


def _bound(a: Row | None, b: Row | None, under: Conditions) -> Row:
    row = _figure(a, b, under)
    for side, bound in (("a", a), ("b", b)):
        if bound is not None:
            extra = {key: bound[key] for key in ("operator", "limit", "limit_raw", "verdict")}
            row[side] |= {**extra, "text": bound_text(bound)}
    return row


def _figure(a: Row | None, b: Row | None, under: Conditions) -> Row:
    """`change`: better, worse (the intervals share no value), same, no difference shown (they do), unknown (no value or limits),
    added, removed; other text, scenario, limits, machine, one predicted: no comparison of what was built."""
    known = b or a or {}
    other = under.other(known, a, b) if a is not None and b is not None else None
    ratio, interval, confidence = _ratio(a, b)
    return {
        **{key: known.get(key) for key in ("budget", "subject", "metric", "on", "reference", "scenario")},
        "a": _side(a),
        "b": _side(b),
        "ratio": ratio,
        "ratio_interval": interval,
        "confidence": confidence,
        "comparable": other is None,
        "change": other or _change(known["metric"], a, b),
    }


def _side(row: Row | None) -> Row | None:
    if row is None:
        return None
    return {"value": row["value"], "interval": row.get("interval"), "basis": row.get("basis", "measured")}


def _ratio(a: Row | None, b: Row | None) -> tuple[float | None, list[float | None] | None, float | None]:
    """(b over a, its limits, what each of these holds with); None where there is no ratio to read: of values that are not
    above zero. Two runs, not paired: the errors of both add up."""
    if a is None or b is None or None in (a["value"], b["value"]) or a["value"] <= 0 or b["value"] < 0:
        return None, None, None
    missing = sum(1 - (row.get("confidence") or 1.0) for row in (a, b))
    return b["value"] / a["value"], finite(*_ratio_ends(_ends(a), _ends(b))), max(0.0, 1 - missing)


def _ratio_ends(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """The least and the greatest ratio; none above where the divisor may be zero, none below where the dividend may be less."""
    least = b[0] / a[1] if b[0] >= 0 and a[1] > 0 and math.isfinite(a[1]) else -math.inf
    return least, b[1] / a[0] if a[0] > 0 else math.inf


def _ends(row: Row) -> tuple[float, float]:
    low, high = row.get("interval") or (None, None)
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _change(metric: str, a: Row | None, b: Row | None) -> str:
    if a is None or b is None:
        return "added" if a is None else "removed"
    if a["value"] is None and b["value"] is None:
        return "unknown"
    (low, high), (other_low, other_high) = _ends(b), _ends(a)
    if high < other_low:
        return "better" if _lower_is_better(metric) else "worse"
    if low > other_high:
        return "worse" if _lower_is_better(metric) else "better"
    if low == high == other_low == other_high:
        return "same"
    known = all(map(math.isfinite, (low, high, other_low, other_high)))
    return NOT_SHOWN if known or a["value"] == b["value"] else "unknown"


def _lower_is_better(metric: str) -> bool:
    return METRICS[metric_of(metric)].direction is Direction.lower


def _pass(a: Row | None, b: Row | None) -> Row:
    known = b or a or {}
    fields = ("pass", "cached", "seconds", "peak_rss_bytes", "digest", "size_bytes")
    sides = {
        side: {key: row.get(key) for key in fields} if row else None for side, row in (("a", a), ("b", b))
    }
    return {"name": known["name"], **sides, "same": _same(a, b)}


def _artifact(a: Row | None, b: Row | None) -> Row:
    known = b or a or {}
    sides = {
        side: {key: row[key] for key in ("digest", "size_bytes")} if row else None
        for side, row in (("a", a), ("b", b))
    }
    return {"binding": known["binding"], **sides, "same": _same(a, b)}


def _same(a: Row | None, b: Row | None) -> bool:
    """The same bytes came out."""
    return a is not None and b is not None and a.get("digest") == b.get("digest")


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Row]:
    """Only what differs, null where a side does not have it; nothing where a side has nothing: it did not get that far."""
    if not a or not b:
        return []
    names = [*b, *(name for name in a if name not in b)]
    return [
        {"name": name, "a": a.get(name), "b": b.get(name)} for name in names if a.get(name) != b.get(name)
    ]


def _parameters(report: Mapping[str, Any]) -> Row:
    """`q.bits` → 4, and what each step takes."""
    found: Row = {}
    for step in (report.get("graph") or {}).get("steps", []):
        for kind in ("inputs", "scenarios", "parameters"):
            found |= {f"{step['name']}.{key}": value for key, value in (step.get(kind) or {}).items()}
        if "source" in step:
            found[f"{step['name']}.source"] = step["source"]
    return found


def _environment(report: Mapping[str, Any]) -> Row:
    """Versions, the machine and the target, by what they are of; nothing for a build that did not get that far."""
    if not report["environment"]:
        return {}
    found: Row = dict(report["environment"])
    for name in ("machine", "target"):
        found |= {f"{name}.{key}": value for key, value in report[name].items()}
    return found
