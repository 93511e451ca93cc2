"""What else differs between two builds, so that values of the same name are no comparison of what was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OTHER_TEXT, OTHER_SCENARIO = "other text", "other scenario"


@dataclass(frozen=True)
class Conditions:
    """`texts`: names of data whose bytes differ; `scenarios`: budgets of which the scenario's settings do."""

    same_machine: bool
    texts: frozenset[str]
    scenarios: frozenset[str]

    @classmethod
    def of(cls, a: Mapping[str, Any], b: Mapping[str, Any]) -> Conditions:
        machines = [report["machine"].get("digest") for report in (a, b)]
        same_machine = None in machines or machines[0] == machines[1]
        return cls(same_machine, _differing(*map(_texts, (a, b))), _differing(*map(_scenarios, (a, b))))

    def other(self, row: Mapping[str, Any]) -> str | None:
        """Of a value: what it was measured on or under that is not the same in both; None if there is nothing."""
        if row.get("on") in self.texts:
            return OTHER_TEXT
        if row.get("scenario") and row.get("budget") in self.scenarios:
            return OTHER_SCENARIO
        return None


def _texts(report: Mapping[str, Any]) -> dict[str, Any]:
    rows = (row for row in report["passes"] if row.get("pass") == "text")
    return {row["name"]: row["digest"] for row in rows if row.get("digest")}


def _scenarios(report: Mapping[str, Any]) -> dict[str, Any]:
    groups = report.get("measured") or []
    found = {group.get("budget"): group.get("scenario_settings") for group in groups}
    return {name: settings for name, settings in found.items() if settings}


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in a if name in b and a[name] != b[name])
