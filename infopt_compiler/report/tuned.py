"""What `tune` decided, in sentences and rows: what was chosen, what it gained, what is not decided and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_OBJECTIVES = {
    "latency": "latency",
    "ttft": "time to first token",
    "tpot": "time per output token",
    "throughput": "time per token or text",
}
HEAD = ["binding", "setting", "chosen", "why", "tried: less time, rounds"]


def tuned_steps(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of report.json's `passes` that hold a search of settings."""
    for row in report["passes"]:
        if row["pass"] == "tune" and "decisions" in (row.get("facts") or {}):
            yield row


def tuned_lines(report: dict[str, Any]) -> list[str]:
    """A sentence for each tuned binding, and one that begins with `!` where its result is not final."""
    lines = []
    for row in tuned_steps(report):
        facts = row["facts"]
        lines.append(f"{row['name']} (tune): {_chosen(facts)}")
        if reason := facts.get("provisional"):
            lines.append(f"! {row['name']} is not final: {reason}; {_advice(row['name'], facts)}")
    return lines


def tuned_rows(report: dict[str, Any]) -> list[list[str]]:
    """By `HEAD`, a row for each setting of each tuned binding."""
    return [
        [row["name"], decision["setting"], _word(decision["value"]), decision["reason"], _tried(decision)]
        for row in tuned_steps(report)
        for decision in row["facts"]["decisions"]
    ]


def _chosen(facts: dict[str, Any]) -> str:
    changed, gain = facts["changed"], facts["gain"]
    if not changed:
        return (
            "left as exported, nothing was faster" if gain is None else f"left as exported: {_gained(facts)}"
        )
    words = ", ".join(f"{name}={_word(value)}" for name, value in changed.items())
    return f"{words}: {_gained(facts)}"


def _gained(facts: dict[str, Any]) -> str:
    gain, what = facts["gain"], _OBJECTIVES[facts["objective"]]
    if gain is None:
        return f"more than 2.5 times as fast as exported, which was too slow to be timed ({what})"
    change = f"{abs(gain['gain']):.1%} {'less' if gain['gain'] >= 0 else 'more'} {what} than as exported"
    pairs = f"{gain['rounds']} pair{'s' if gain['rounds'] != 1 else ''} of blocks"
    pairs += ", of a few tokens since it is so slow" if facts["gain_by_short_requests"] else ""
    if gain["interval"] is None:
        return f"{change} ({pairs}: no interval)"
    low, high = gain["interval"]
    return f"{change} ({low:.1%} to {high:.1%}, {pairs})"


def _advice(name: str, facts: dict[str, Any]) -> str:
    if facts["disturbed"]:
        return "build again on a quiet machine, and tune goes on from here"
    return f"build again, and tune goes on from here (`{name}.time=3min` allows it more time)"


def _tried(decision: dict[str, Any]) -> str:
    return "; ".join(f"{value}: {_contest(contest)}" for value, contest in decision["tried"].items()) or "–"


def _contest(contest: dict[str, Any]) -> str:
    rounds = f"{contest['rounds']} round{'s' if contest['rounds'] != 1 else ''}"
    if contest["interval"] is None:
        return f"{contest['gain']:+.1%}, {rounds}"
    low, high = contest["interval"]
    return f"{contest['gain']:+.1%} ({low:+.1%} to {high:+.1%}), {rounds}"


def _word(value: Any) -> str:
    return str(value).lower()
