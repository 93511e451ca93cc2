"""The search: one setting after the other is raced, within a time limit. Pure but for what it is given to call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from infopt_compiler.passes.tune.race import Contest, Noise, Race, winner
from infopt_compiler.passes.tune.settings import Settings, alternatives


class Bench(Protocol):
    """What measures: blocks of variants, in fresh processes."""

    def blocks(self, variants: Sequence[Settings]) -> list[float]:
        """One block of each variant, in that order: seconds of the objective."""

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
class Budget:
    """Seconds left, and what a block takes; `reserve` blocks are kept for the final check."""

    clock: Callable[[], float]
    deadline: float
    reserve: int = 4
    spent: float = 0.0
    count: int = 0

    @property
    def block_seconds(self) -> float:
        return self.spent / self.count if self.count else 0.0

    def note(self, seconds: float, blocks: int) -> None:
        self.spent, self.count = self.spent + seconds, self.count + blocks

    def left(self) -> float:
        return self.deadline - self.clock()

    def allows(self, blocks: int, *, share: float = 1.0) -> bool:
        """Whether `share` of what is left beside the reserve holds that many blocks more."""
        return blocks * self.block_seconds <= share * (self.left() - self.reserve * self.block_seconds)


@dataclass
class Search:
    """Coordinate-wise: settings raced in the order of what they usually give; the winner is the next incumbent.

    `trials` collects the blocks of every variant: seconds by label, in the order measured.
    """

    default: Settings
    bench: Bench
    budget: Budget
    rounds: int
    least_gain: float
    noise: Noise = field(default_factory=Noise)
    trials: dict[str, list[float]] = field(default_factory=dict)

    def run(self, available: dict[str, list[Any]]) -> tuple[Settings, list[Decision]]:
        current, decisions = self.default, []
        todo = list(alternatives(self.default, available))
        for number, (name, values) in enumerate(todo):
            decision = self._decide(current, name, values, share=1 / (len(todo) - number))
            current = current.with_value(name, decision.value)
            decisions.append(decision)
        return current, decisions

    def _decide(self, current: Settings, name: str, values: list[Any], share: float) -> Decision:
        kept = getattr(current, name)
        if not self.budget.allows(2 * (1 + len(values))):
            return Decision(name, kept, "not tried: no time left; a larger `time` allows it")
        variants = {text(value): current.with_value(name, value) for value in values}
        contests = self._race(current, variants, share)
        best = winner("", contests)
        tried = {contest.challenger: contest for contest in contests}
        if not best:
            return Decision(name, kept, "nothing is better beyond noise", tried)
        refusal = self.bench.refusal(current, variants[best])
        if refusal:
            return Decision(name, kept, refusal, tried)
        value = getattr(variants[best], name)
        return Decision(name, value, f"{tried[best].gain:.1%} less time than {text(kept)}", tried)

    def _race(self, current: Settings, variants: dict[str, Settings], share: float) -> list[Contest]:
        """Variants by text against `current`, whose name in the race is the empty text."""
        known = {"": current, **variants}
        race = Race("", list(variants), self.least_gain, self.noise)

        def blocks(names: Sequence[str]) -> dict[str, float]:
            return dict(zip(names, self.measure([known[name] for name in names]), strict=True))

        limit = self.budget.clock() + share * (
            self.budget.left() - self.budget.reserve * self.budget.block_seconds
        )

        def may_go_on(more: int) -> bool:
            second = race.seconds and max(map(len, race.seconds.values())) < 2
            return bool(second) or self.budget.clock() + more * self.budget.block_seconds <= limit

        return race.run(blocks, rounds=self.rounds, may_go_on=may_go_on)

    def measure(self, variants: Sequence[Settings]) -> list[float]:
        """One block each; kept in `trials`, and its time in the budget."""
        start = self.budget.clock()
        seconds = self.bench.blocks(variants)
        self.budget.note(self.budget.clock() - start, len(variants))
        for settings, value in zip(variants, seconds, strict=True):
            self.trials.setdefault(settings.label(self.default), []).append(value)
        return seconds

    def confirm(self, chosen: Settings, rounds: int = 2) -> Contest:
        """The default against the chosen settings once more, in blocks of their own: what `tune` gave in all."""
        race = Race("", ["chosen"], 0.0, self.noise)
        known = {"": self.default, "chosen": chosen}

        def blocks(names: Sequence[str]) -> dict[str, float]:
            return dict(zip(names, self.measure([known[name] for name in names]), strict=True))

        return race.run(blocks, rounds=rounds, may_go_on=lambda more: True)[0]


def text(value: Any) -> str:
    """A setting's value as in a recipe."""
    return str(value).lower()
