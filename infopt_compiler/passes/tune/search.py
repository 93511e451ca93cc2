"""The search: one setting after the other is raced, within a time limit. Pure but for what it is given to call."""

from __future__ import annotations

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
    """The requests of a block: `warmup` that do not count, then `requests` that do."""

    requests: int
    warmup: int

    @property
    def total(self) -> int:
        return self.requests + self.warmup


PROBE = Load(1, 0)
"""The least load: what a slow variant is measured with, and the default at first, since nothing is known of it yet."""


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

    `trials` collects the blocks of every variant, seconds of the objective in the order measured; `costs` the least
    wall seconds that a request took with its share of loading. The final check is kept out of the races' time.
    """

    default: Settings
    bench: Bench
    clock: Callable[[], float]
    deadline: float
    load: Load
    rounds: int
    least_gain: float
    noise: Noise = field(default_factory=Noise)
    trials: dict[Settings, list[float]] = field(default_factory=dict)
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
        if self.trials and 2 * (1 + len(values)) * self._cost(current) > self._left(current):
            return Decision(name, kept, "not tried: no time left; a larger `time` allows it")
        try:
            contests = self._race(current, variants, share, self.rounds, self.least_gain)
        except TrialError as failure:
            return Decision(name, kept, f"not taken: {failure}")
        best = winner("", contests)
        tried = {contest.challenger: contest for contest in contests}
        if not best:
            return Decision(name, kept, "nothing is better beyond noise", tried)
        refusal = self.bench.refusal(current, variants[best])
        if refusal:
            return Decision(name, kept, refusal, tried)
        value = getattr(variants[best], name)
        return Decision(name, value, f"{tried[best].gain:.1%} less time than {text(kept)}", tried)

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
        self.costs[settings] = min(cost, self.costs.get(settings, cost))
        self.trials.setdefault(settings, []).append(seconds)
        return seconds

    def _load_for(self, incumbent: Settings) -> Load:
        """The load asked for where a block of it takes a small share of the time, else less, else the least."""
        if not self.trials:
            return PROBE
        allowed = (self.deadline - self.started) * BLOCK_SHARE
        request = self.costs.get(incumbent, 0.0)
        for load in (self.load, Load(1, 1)):
            if load.total * request <= allowed:
                return load
        return PROBE

    def _cost(self, *variants: Settings) -> float:
        """Wall seconds of one block of each; that of the dearest for a variant that was not measured yet."""
        most = max(self.costs.values(), default=0.0)
        return sum(self.costs.get(settings, most) * self._load_for(settings).total for settings in variants)

    def _left(self, current: Settings) -> float:
        """Seconds for races: what is left but for one round of the final check."""
        final = self._cost(self.default, current) if self.trials else 0.0
        return self.deadline - self.clock() - final


def text(value: Any) -> str:
    """A setting's value as in a recipe."""
    return str(value).lower()
