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
from infopt_compiler.passes.tune.settings import Settings


@dataclass(frozen=True)
class Past:
    """What earlier searches left: what the last chose, and what was decided and seen on a quiet machine, by (challenger,
    incumbent): contests that are not open, and paired differences. `gain`: over the default, where the machine was quiet."""

    chosen: Any
    settled: dict[tuple[Variant, Variant], Contest]
    pairs: dict[tuple[Variant, Variant], list[float]]
    gain: dict[str, Any] | None
    by_short: bool


def outcome_facts(search: Search, found: Found, predicted: Settings, past: Past | None) -> dict[str, Any]:
    """Settings, gain, every decision with its contests, every block in seconds of the objective, and what is not final."""
    default, disturbed = search.default, _disturbance(search, found)
    reasons = [*([disturbed] if disturbed else []), *_open(found)]
    facts: dict[str, Any] = {
        "default": asdict(default),
        "predicted": predicted.changes(default),
        "chosen": asdict(found.chosen),
        "changed": found.chosen.changes(default),
        **_gain(found, past),
        "decisions": [_decision(decision) for decision in found.decisions],
        "settled": _settled(search),
        "pairs": _pairs(search, found.chosen),
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
    kind = type(default)
    gain = facts.get("gain")
    return Past(
        kind(**facts["chosen"]),
        {_names(kind, one): _contest(one) for one in facts.get("settled", ())},
        {_names(kind, one): list(one["differences"]) for one in facts.get("pairs", ())},
        None if gain is None or gain["disturbed"] else gain,
        bool(facts.get("gain_by_short_requests")),
    )


def _gain(found: Found, past: Past | None) -> dict[str, Any]:
    """That of an earlier search, where it chose the same on a quiet machine and this one was disturbed."""
    is_disturbed = found.gain is not None and found.gain.disturbed
    if is_disturbed and past is not None and past.gain is not None and past.chosen == found.chosen:
        return {"gain": past.gain, "gain_by_short_requests": past.by_short}
    gain = None if found.gain is None else contest_facts(found.gain)
    return {"gain": gain, "gain_by_short_requests": found.by_short}


def _settled(search: Search) -> list[dict[str, Any]]:
    """What is decided: not open, and not beside other work."""
    new = {names: one for names, one in search.contests.items() if not one.is_open and not one.disturbed}
    return [
        {
            **_named(names),
            "difference": one.difference,
            "margin": None if math.isinf(one.margin) else one.margin,
            "rounds": one.rounds,
            "verdict": one.verdict,
        }
        for names, one in {**search.settled, **new}.items()
    ]


def _pairs(search: Search, chosen: Settings) -> list[dict[str, Any]]:
    """What the next search may start from: pairs with what was or will be an incumbent, and those of earlier searches."""
    incumbents = {chosen, search.default, *(incumbent for _, incumbent in search.contests)}
    return [
        {**_named(names), "differences": values}
        for names, values in search.race.quiet_pairs().items()
        if names in search.race.known or incumbents & set(names)
    ]


def _named(names: tuple[Variant, Variant]) -> dict[str, Any]:
    challenger, incumbent = names
    assert isinstance(challenger, Settings) and isinstance(incumbent, Settings)
    return {"settings": asdict(challenger), "against": asdict(incumbent)}


def _names(kind: type[Settings], one: Mapping[str, Any]) -> tuple[Variant, Variant]:
    return kind(**one["settings"]), kind(**one["against"])


def _contest(one: Mapping[str, Any]) -> Contest:
    margin = math.inf if one["margin"] is None else one["margin"]
    return Contest(one["difference"], margin, one["rounds"], one["verdict"])


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


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "setting": decision.setting,
        "value": decision.value,
        "reason": decision.reason,
        "open": decision.open,
        "tried": {shown: contest_facts(contest) for shown, contest in decision.tried.items()},
    }


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
