"""What else differs between two builds, so that values of the same name are no comparison of what was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infopt_compiler.metrics import METRICS, Needs, metric_of

OTHER_TEXT, OTHER_SCENARIO, OTHER_LIMITS = "other text", "other scenario", "other limits"
OTHER_MACHINE, ONE_PREDICTED = "other machine", "one predicted"
OTHER = (OTHER_TEXT, OTHER_SCENARIO, OTHER_LIMITS, OTHER_MACHINE, ONE_PREDICTED)
NOT_SHOWN = "no difference shown"  # the intervals share values


@dataclass(frozen=True)
class Conditions:
    """`texts`: names of data (tasks, too) whose bytes differ; `windows`: (budget, data) of which other windows were scored;
    `scenarios`, `limits`: budgets of which the scenario, or what a good request must keep, does."""

    same_machine: bool
    texts: frozenset[Any]
    windows: frozenset[Any]
    scenarios: frozenset[Any]
    limits: frozenset[Any]

    @classmethod
    def of(cls, a: Mapping[str, Any], b: Mapping[str, Any]) -> Conditions:
        machines = [report["machine"].get("digest") for report in (a, b)]
        same_machine = None in machines or machines[0] == machines[1]
        found = (_differing(part(a), part(b)) for part in (_texts, _windows, _scenarios, _limits))
        return cls(same_machine, *found)

    def other(self, row: Mapping[str, Any], a: Mapping[str, Any], b: Mapping[str, Any]) -> str | None:
        """Of a value: what it was measured on or under that is not the same in both; None if there is nothing."""
        budget, on = row.get("budget"), row.get("on")
        if (a.get("basis") == "predicted") != (b.get("basis") == "predicted"):
            return ONE_PREDICTED
        if on in self.texts or (budget, on) in self.windows:
            return OTHER_TEXT
        if row.get("scenario") and budget in self.scenarios:
            return OTHER_SCENARIO
        if row["metric"] == "goodput" and budget in self.limits:
            return OTHER_LIMITS
        of_machine = METRICS[metric_of(row["metric"])].needs is Needs.scenario
        return OTHER_MACHINE if of_machine and not self.same_machine else None


def _texts(report: Mapping[str, Any]) -> dict[Any, Any]:
    rows = (row for row in report["passes"] if row.get("pass") in ("text", "task"))
    return {row["name"]: row["digest"] for row in rows if row.get("digest")}


def _windows(report: Mapping[str, Any]) -> dict[Any, Any]:
    """How many of a text were scored: a subset is another text."""
    return {
        (group.get("budget"), label.partition(" vs ")[0]): scored.get("windows")
        for group in report.get("measured") or []
        for label, scored in ((group.get("environment") or {}).get("quality") or {}).items()
    }


def _scenarios(report: Mapping[str, Any]) -> dict[Any, Any]:
    """Their settings and the bytes of their prompts, whatever they are called."""
    texts, found = _texts(report), {}
    for group in report.get("measured") or []:
        if settings := group.get("scenario_settings"):
            found[group.get("budget")] = ({**settings, "name": None}, texts.get(settings.get("prompts")))
    return found


def _limits(report: Mapping[str, Any]) -> dict[Any, Any]:
    found: dict[Any, set[Any]] = {}
    for row in report["bounds"]:
        if row["unit"] == "s" and row["severity"] == "error":
            found.setdefault(row.get("budget"), set()).add((row["metric"], row["operator"], row["limit"]))
    return found


def _differing(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> frozenset[Any]:
    return frozenset(name for name in a if name in b and a[name] != b[name])
