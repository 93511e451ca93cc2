"""What a search found, as plain data for the report, and read again by the next search where it was not final."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from infopt_compiler.passes.base import PROVISIONAL
from infopt_compiler.passes.tune.race import Contest, Variant
from infopt_compiler.passes.tune.search import Decision, Found, Search
from infopt_compiler.passes.tune.settings import Settings, text


@dataclass(frozen=True)
class Past:
    """What an earlier search left: what it chose, whether others disturbed it, and what was decided or seen on a quiet machine:
    (setting, value) decided against for good, and paired differences of what is open yet."""

    chosen: Any
    disturbed: bool
    settled: frozenset[tuple[str, Any]]
    pairs: dict[tuple[Variant, Variant], list[float]]


def outcome_facts(search: Search, found: Found, predicted: Settings, past: Past | None) -> dict[str, Any]:
    """Settings, gain, every decision with its contests, every block in seconds of the objective, and what is not final."""
    default, disturbed = search.default, _disturbance(search, found)
    reasons = [*([disturbed] if disturbed else []), *_open(found)]
    facts: dict[str, Any] = {
        "default": asdict(default),
        "predicted": predicted.changes(default),
        "chosen": asdict(found.chosen),
        "changed": found.chosen.changes(default),
        "gain": None if found.gain is None else contest_facts(found.gain),
        "gain_by_short_requests": found.by_short,
        "decisions": [_decision(search, found, decision) for decision in found.decisions],
        "undecided": found.open,
        "disturbed": disturbed,
        "requests": asdict(search.load),
        "trials": _trials(search.race.rounds, default),
        "screened": _trials(search.shorts.rounds, default),
        "failed": {settings.label(default): why for settings, why in search.failures.items()},
        "noise": search.race.noise.deviation,
        "taken_up_again": past is not None,
    }
    return facts | {PROVISIONAL: "; ".join(reasons)} if reasons else facts


def contest_facts(contest: Contest) -> dict[str, Any]:
    low, high = contest.gain_interval
    return {
        "gain": contest.gain,
        "interval": None if math.isinf(low) else [low, high],
        "rounds": contest.rounds,
        "verdict": contest.verdict,
        "disturbed": contest.disturbed,
    }


def past_of(facts: Mapping[str, Any], default: Settings) -> Past | None:
    """From the facts of an earlier run; None where they are of other settings (another version of this program)."""
    if set(facts.get("chosen") or ()) != set(asdict(default)):
        return None
    chosen, disturbed = type(default)(**facts["chosen"]), bool(facts.get("disturbed"))
    settled: set[tuple[str, Any]] = set()
    pairs: dict[tuple[Variant, Variant], list[float]] = {}
    for decision in [] if disturbed else facts.get("decisions", []):
        for tried in decision["tried"].values():
            if tried["verdict"] == "worse" or not tried["open"]:
                settled.add((decision["setting"], tried["value"]))
            elif tried["pairs"]:
                pairs[chosen.with_value(decision["setting"], tried["value"]), chosen] = list(tried["pairs"])
    return Past(chosen, disturbed, frozenset(settled), pairs)


def _disturbance(search: Search, found: Found) -> str | None:
    """Others' work during the blocks that decided; None where the quiet ones were enough."""
    contests = [contest for decision in found.decisions for contest in decision.tried.values()]
    contests += [found.gain] if found.gain is not None else []
    if not any(contest.disturbed for contest in contests):
        return None
    blocks = search.blocks
    busy = [block for block in blocks if block.disturbed]
    most = max(block.busy for block in busy)
    return f"other programs used up to {most:.0%} of the cores in {len(busy)} of {len(blocks)} blocks"


def _open(found: Found) -> list[str]:
    count = len(found.open)
    if count < 2:
        return [f"not decided: {one}" for one in found.open]
    return [f"not decided: {found.open[0]}; and {count - 1} more"]


def _decision(search: Search, found: Found, decision: Decision) -> dict[str, Any]:
    """`pairs` are against what was chosen, where it is what they were raced against."""
    tried = {}
    for shown, contest in decision.tried.items():
        value = _value(search, decision.setting, shown)
        variant = search.incumbent.with_value(decision.setting, value)
        pairs, _ = search.race.differences(variant, search.incumbent)
        kept = pairs if found.chosen == search.incumbent and not contest.disturbed else []
        tried[shown] = {**contest_facts(contest), "value": value, "open": contest.is_open, "pairs": kept}
    return {
        "setting": decision.setting,
        "value": decision.value,
        "reason": decision.reason,
        "open": decision.open,
        "tried": tried,
    }


def _value(search: Search, name: str, shown: str) -> Any:
    """The value that a text stands for, among what was run."""
    for settings in (s for found in (*search.race.rounds, *search.shorts.rounds) for s in found):
        if text(getattr(settings, name)) == shown:
            return getattr(settings, name)
    return next(
        (getattr(settings, name) for settings in search.failures if text(getattr(settings, name)) == shown),
        getattr(search.default, name),
    )


def _trials(rounds: list[dict[Variant, Any]], default: Settings) -> dict[str, Any]:
    """Blocks in the order measured; spread: (largest - least) / median."""
    seconds: dict[str, list[float]] = {}
    for found in rounds:
        for settings, timed in found.items():
            assert isinstance(settings, Settings)
            seconds.setdefault(settings.label(default), []).append(timed.seconds)
    return {label: _trial(values) for label, values in seconds.items()}


def _trial(seconds: list[float]) -> dict[str, Any]:
    middle = median(seconds)
    return {"blocks": seconds, "median": middle, "spread": (max(seconds) - min(seconds)) / middle}
