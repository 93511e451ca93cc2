"""Racing: interleaved blocks of a few variants until a paired difference is beyond noise. Pure, over values.

A block is one fresh process; its value is the objective's median over the block's requests, in seconds. The
noise of a paired difference is pooled over all races of a search, so that two rounds can decide what is clear
(compare Birattari et al., "A Racing Algorithm for Configuring Metaheuristics", GECCO 2002).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from infopt_compiler.measure.statistics.limits import t_quantile

# Standard deviations of a paired difference of logarithms: the least there is, what two cores of a shared machine
# show until this search has seen its own, and the degrees of freedom that the latter counts for.
NOISE_FLOOR = 0.015
PRIOR_NOISE = 0.05
PRIOR_WEIGHT = 2
BURST = 3.0  # deviations: a neighbour's burst in one race must not blind those after it

RunBlocks = Callable[[Sequence[str]], Mapping[str, float]]
"""Runs one block of each named variant, in that order; gives seconds by name."""


@dataclass
class Noise:
    """The pooled variance of paired differences of logarithms, with a prior."""

    squares: float = PRIOR_WEIGHT * PRIOR_NOISE**2
    freedom: int = PRIOR_WEIGHT

    def learn(self, differences: Sequence[float], clip: float = math.inf) -> None:
        """Pool the spread of paired differences; `clip`: most deviations that one of them counts."""
        if len(differences) < 2:
            return
        center, most = fmean(differences), clip * self.deviation
        self.squares += sum(min(abs(value - center), most) ** 2 for value in differences)
        self.freedom += len(differences) - 1

    @property
    def deviation(self) -> float:
        return max(NOISE_FLOOR, math.sqrt(self.squares / self.freedom))

    def margin(self, rounds: int) -> float:
        """Half the width of the 95 % interval of a mean over `rounds` paired differences."""
        return t_quantile(0.975, self.freedom) * self.deviation / math.sqrt(rounds)


@dataclass(frozen=True)
class Contest:
    """One challenger against the incumbent: mean difference of logarithms (below 0: the challenger is faster)."""

    challenger: str
    difference: float
    margin: float
    rounds: int
    verdict: str  # better, worse, tie

    @property
    def gain(self) -> float:
        """Relative: 0.1 is ten percent less time."""
        return 1 - math.exp(self.difference)

    @property
    def gain_interval(self) -> tuple[float, float]:
        """95 % limits of the gain."""
        if math.isinf(self.margin):
            return -math.inf, 1.0
        return 1 - math.exp(self.difference + self.margin), 1 - math.exp(self.difference - self.margin)


@dataclass
class Race:
    """The incumbent against challengers. `seconds` collects every block by variant, in the order of rounds."""

    incumbent: str
    challengers: list[str]
    least_gain: float
    noise: Noise
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(
        self, blocks: RunBlocks, *, rounds: int, may_go_on: Callable[[Sequence[str]], bool]
    ) -> list[Contest]:
        """At least one round, at most `rounds`; `may_go_on(names)` says whether time allows a block of each more."""
        open_ones = list(self.challengers)
        for number in range(rounds):
            names = [self.incumbent, *open_ones]
            if number and not may_go_on(names):
                break
            order = names if number % 2 == 0 else names[::-1]  # so that a drift favours none
            for name, seconds in blocks(order).items():
                self.seconds.setdefault(name, []).append(seconds)
            open_ones = [name for name in open_ones if self._is_open(name)]
            if not open_ones:
                break
        for name in self.challengers:
            self.noise.learn(self.differences(name), clip=BURST)
        return [self.contest(name) for name in self.challengers]

    def differences(self, challenger: str) -> list[float]:
        """Differences of logarithms, round by round; a challenger that left early has fewer."""
        pairs = zip(self.seconds[challenger], self.seconds[self.incumbent], strict=False)
        return [math.log(mine / theirs) for mine, theirs in pairs]

    def contest(self, challenger: str) -> Contest:
        values = self.differences(challenger)
        pooled = replace(self.noise)
        pooled.learn(values)  # its own spread counts at once, the other challengers' after the race
        difference, margin = fmean(values), pooled.margin(len(values))
        verdict = "tie"
        if len(values) == 1:
            return Contest(challenger, difference, math.inf, 1, verdict)  # a neighbour's burst looks the same
        if difference + margin < 0 and 1 - math.exp(difference) >= self.least_gain:
            verdict = "better"
        elif difference - margin > 0:
            verdict = "worse"
        return Contest(challenger, difference, margin, len(values), verdict)

    def _is_open(self, challenger: str) -> bool:
        """Undecided, and more rounds could still show a gain that counts."""
        contest = self.contest(challenger)
        return contest.verdict == "tie" and contest.gain_interval[1] >= self.least_gain


def winner(incumbent: str, contests: Sequence[Contest]) -> str:
    """The first challenger (they come simplest first) that no other beats beyond noise, else the incumbent."""
    better = [contest for contest in contests if contest.verdict == "better"]
    if not better:
        return incumbent
    best = min(better, key=lambda contest: contest.difference)
    return next(c.challenger for c in better if c.difference <= best.difference + max(c.margin, best.margin))
