"""The search: one setting after the other is raced, within a time limit. Pure but for what it is given to call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from infopt_compiler.passes.tune.race import Contest, Noise, Race, winner
from infopt_compiler.passes.tune.settings import Available, Settings, alternatives

BLOCK_SHARE = 1 / 20  # most of the whole time that one block of the incumbent may take


class TrialError(Exception):
    """A variant that cannot be made or served."""


@dataclass(frozen=True)
class Load:
    """The requests of a block: `warmup` that do not count, then `requests` that do; `short`: of few tokens."""

    requests: int
    warmup: int
    short: bool = False

    @property
    def total(self) -> int:
        return self.requests + self.warmup


SCREEN = Load(1, 0, short=True)
"""What screening runs: where a kernel is missing, decoding is ten times slower, and some tokens show it."""

SCREEN_TOKENS = 8  # output tokens of a short request
SCREEN_RATIO = 2.5  # what is slower by that much needs no more requests to be known as slower
START_SECONDS = 1.0  # of a block, at most, before its first request


class Bench(Protocol):
    """What measures: blocks of variants, in fresh processes."""

    def block(self, settings: Settings, number: int, load: Load) -> float:
        """A block of a variant in round `number` of the search: seconds of the objective. Raises TrialError."""

    def refusal(self, current: Settings, chosen: Settings) -> str | None:
        """Why a faster setting must not be taken (its cost in quality), or None."""


@dataclass(frozen=True)
class Decision:
    """What was decided for one setting, and why. `tried` holds each other value's contest, by its text."""

    setting: str
    value: Any
    reason: str
    tried: dict[str, Contest] = field(default_factory=dict)


@dataclass
class Search:
    """Coordinate-wise: settings raced in the order of what they usually give; the winner is the next incumbent.

    `screened` holds the seconds of short requests; `trials` collects the blocks of every variant, seconds of the objective in the order measured; `costs` the least
    wall seconds that a request took with its share of loading. The final check is kept out of the races' time.
    """

    default: Settings
    bench: Bench
    clock: Callable[[], float]
    deadline: float
    load: Load
    stretch: float  # tokens of a request over those of a short one
    rounds: int
    least_gain: float
    noise: Noise = field(default_factory=Noise)
    trials: dict[Settings, list[float]] = field(default_factory=dict)
    screened: dict[Settings, float] = field(default_factory=dict)
    costs: dict[Settings, float] = field(default_factory=dict)
    started: float = 0.0
    round: int = 0

    def __post_init__(self) -> None:
        self.started = self.clock()

    def run(self, available: Available) -> tuple[Settings, list[Decision]]:
        current, decisions = self.default, []
        todo = list(alternatives(self.default, available))
        for number, (name, values) in enumerate(todo):
            decision = self._decide(current, name, values, share=1 / (len(todo) - number))
            current = current.with_value(name, decision.value)
            decisions.append(decision)
        return current, decisions

    def confirm(self, chosen: Settings) -> Contest:
        """The default against the chosen settings once more, in blocks of their own: what all of it gave."""
        return self._race(self.default, {"chosen": chosen}, share=1.0, rounds=2, least_gain=0.0)[0]

    def _decide(self, current: Settings, name: str, values: list[Any], share: float) -> Decision:
        kept = getattr(current, name)
        variants = {text(value): current.with_value(name, value) for value in values}
        try:
            contests = self._screen(current, variants)
            if not winner("", contests):
                if 2 * (1 + len(values)) * self._cost(current) > self._left(current):
                    return Decision(name, kept, "not tried: no time left; a larger `time` allows it")
                contests = self._race(current, variants, share, self.rounds, self.least_gain)
        except TrialError as failure:
            return Decision(name, kept, f"not taken: {failure}")
        best = winner("", contests)
        tried = {contest.challenger: contest for contest in contests}
        if not best:
            decided = any(contest.rounds > 1 for contest in contests)
            reason = (
                "nothing is better beyond noise"
                if decided
                else "not decided: no time left for a second round"
            )
            return Decision(name, kept, reason, tried)
        refusal = self.bench.refusal(current, variants[best])
        if refusal:
            return Decision(name, kept, refusal, tried)
        value = getattr(variants[best], name)
        return Decision(name, value, f"{tried[best].gain:.1%} less time than {text(kept)}", tried)

    def _screen(self, current: Settings, variants: dict[str, Settings]) -> list[Contest]:
        """One short request each, for the first setting only: where the artifact came without a fast kernel, blocks of
        it would take most of the time that there is."""
        if self.screened:
            return []
        for settings in (current, *variants.values()):
            start = self.clock()
            self.screened[settings] = self.bench.block(settings, self.round, SCREEN)
            wall = self.clock() - start
            self.costs[settings] = min(wall, START_SECONDS) + max(0.0, wall - START_SECONDS) * self.stretch
        margin = math.log(SCREEN_RATIO)
        ratios = {name: self.screened[s] / self.screened[current] for name, s in variants.items()}
        return [
            Contest(name, math.log(ratio), margin, 1, "better" if ratio * SCREEN_RATIO < 1 else "tie")
            for name, ratio in ratios.items()
        ]

    def _race(
        self,
        current: Settings,
        variants: dict[str, Settings],
        share: float,
        rounds: int,
        least_gain: float,
    ) -> list[Contest]:
        """Variants by text against `current`, whose name in the race is the empty text.

        A second round may use all the time that is left, more rounds `share` of it.
        """
        known = {"": current, **variants}
        race = Race("", list(variants), least_gain, self.noise)

        def blocks(names: Sequence[str]) -> dict[str, float]:
            load = self._load_for(current)
            self.round += 1  # prompts differ between rounds, and are the same for all variants of a round
            return {name: self._measure(known[name], load) for name in names}

        end = self.clock() + share * self._left(current)

        def may_go_on(names: Sequence[str]) -> bool:
            second = len(race.seconds[""]) == 1
            limit = self.clock() + self._left(current) if second else end
            return self.clock() + self._cost(*(known[name] for name in names)) <= limit

        return race.run(blocks, rounds=rounds, may_go_on=may_go_on)

    def _measure(self, settings: Settings, load: Load) -> float:
        start = self.clock()
        seconds = self.bench.block(settings, self.round, load)
        cost = (self.clock() - start) / load.total
        known = self.costs.get(settings, cost) if settings in self.trials else cost
        self.costs[settings] = min(cost, known)
        self.trials.setdefault(settings, []).append(seconds)
        return seconds

    def _load_for(self, incumbent: Settings) -> Load:
        """The load asked for where a block of it takes a small share of the time, else less, else the least."""
        allowed = (self.deadline - self.started) * BLOCK_SHARE
        request = self.costs.get(incumbent, 0.0)
        for load in (self.load, Load(1, 1)):
            if load.total * request <= allowed:
                return load
        return Load(1, 0)

    def _cost(self, *variants: Settings) -> float:
        """Wall seconds of one block of each; that of the dearest for a variant that was not measured yet."""
        most = max(self.costs.values(), default=0.0)
        return sum(self.costs.get(settings, most) * self._load_for(settings).total for settings in variants)

    def _left(self, current: Settings) -> float:
        """Seconds for races: what is left but for one round of the final check."""
        final = self._cost(self.default, current)
        return self.deadline - self.clock() - final


def text(value: Any) -> str:
    """A setting's value as in a recipe."""
    return str(value).lower()
