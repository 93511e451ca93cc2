"""What a search found, as plain data for the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from infopt_compiler.passes.tune.race import Contest
from infopt_compiler.passes.tune.search import Decision, Search
from infopt_compiler.passes.tune.settings import Settings


def search_facts(search: Search, default: Settings, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Every decision with its contests, every block in seconds of the objective."""
    return {
        "default": asdict(default),
        "decisions": [_decision(decision) for decision in decisions],
        "trials": {settings.label(default): _trial(values) for settings, values in search.trials.items()},
        "screened": {settings.label(default): seconds for settings, seconds in search.screened.items()},
        "noise": search.noise.deviation,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    tried = {value: contest_facts(contest) for value, contest in decision.tried.items()}
    return {
        "setting": decision.setting,
        "value": decision.value,
        "reason": decision.reason,
        "tried": tried,
    }


def contest_facts(contest: Contest) -> dict[str, Any]:
    low, high = contest.gain_interval
    return {
        "gain": contest.gain,
        "interval": None if math.isinf(low) else [low, high],
        "rounds": contest.rounds,
        "verdict": contest.verdict,
    }


def _trial(seconds: list[float]) -> dict[str, Any]:
    """Blocks in the order measured; spread: (largest - least) / median."""
    middle = median(seconds)
    return {"blocks": seconds, "median": middle, "spread": (max(seconds) - min(seconds)) / middle}
