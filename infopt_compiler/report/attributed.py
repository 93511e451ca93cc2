"""What each pass did, as the terminal and Markdown show it: a row per step, a column per metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infopt_compiler.report.values import value_text

_MINUS = "−"


def attributed(report: dict[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]], str]]:
    """Of each budget: title, head, rows, and a line that says how it was measured."""
    for name, found in (report.get("attribution") or {}).items():
        metrics = found["metrics"]
        head = ["binding", "pass", *(_head(metric, found) for metric in metrics)]
        rows = [
            [step["name"], step["pass"], *(_cell(metric, step["values"][metric]) for metric in metrics)]
            for step in found["steps"]
        ]
        yield f"attribution {name}", head, rows, _line(found)


def _head(metric: str, found: dict[str, Any]) -> str:
    on = (found.get("on") or "").partition(" ")[0]
    return (
        f"{metric} on {on}"
        if on and metric in ("perplexity", "kl.mean", "cosine.mean", "ranking")
        else metric
    )


def _cell(metric: str, value: dict[str, Any]) -> str:
    """`113 MB (−79%)`; `~` before a prediction, whose change is one of predictions; a dash where nothing is known (the report
    says why)."""
    before, after = value["before"], value["after"]
    if after is None:
        return "–"
    text = ("~" if value["basis"] == "predicted" else "") + value_text({"metric": metric}, after)
    if before is None or before == after:
        return text
    return f"{text} ({change(before, after)})" if before and not slight(before, after) else text


def slight(before: float, after: float) -> bool:
    """Too little to be told: less than a twentieth of a percent."""
    return abs(after - before) < 5e-4 * abs(before)


def change(before: float, after: float) -> str:
    """`−79%`, `+0.4%`, `×11` where a percentage would not be read."""
    ratio = after / before
    if ratio >= 10:
        return f"×{ratio:.3g}"
    percent = (ratio - 1) * 100
    digits = 0 if abs(percent) >= 10 else 1
    return f"{percent:+.{digits}f}%".replace("-", _MINUS)


def _line(found: dict[str, Any]) -> str:
    notes = [
        f"{step['name']} {metric}: {value['note'] or value['basis']}"
        for step in found["steps"]
        for metric, value in step["values"].items()
        if value["after"] is None
    ]
    shared: dict[str, list[str]] = {}
    for note in notes:
        step, _, why = note.partition(": ")
        shared.setdefault(why, []).append(step)
    told = [f"{', '.join(steps)}: {why}" for why, steps in shared.items()]
    return "; ".join(
        [f"attribution took {found['seconds']:.0f} of {found['limit_seconds']:.0f} s allowed", *told]
    )
