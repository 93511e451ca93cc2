"""Racing: blocks of variants in rounds until paired differences are beyond noise. Pure, over values.

A block is one fresh process; its value is the objective's median over the block's requests, in seconds. Blocks of one round
have the same prompts and pair. The noise of a paired difference is pooled over all pairs of a search, so that two rounds can
decide what is clear (compare Birattari et al., "A Racing Algorithm for Configuring Metaheuristics", GECCO 2002).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import fmean
from typing import TypeVar

from infopt_compiler.measure.statistics.limits import t_quantile

# Standard deviations of a paired difference of logarithms: the least there is, what two cores of a shared machine
# show until this search has seen its own, and the degrees of freedom that the latter counts for.
NOISE_FLOOR = 0.015
PRIOR_NOISE = 0.05
PRIOR_WEIGHT = 2
BURST = 3.0  # deviations: a neighbour's burst in one race must not blind those after it

CLEARLY_SLOWER = (
    0.25  # of one quiet pair: no noise of a quiet machine explains it, so no second pair is spent on it
)
TOLERANCE = 0.08  # what may be lost to a variant that noise hides: more than that is not decided
LEAST_ROUNDS = 2  # one pair alone decides nothing: a neighbour's burst looks the same
PROMISING_ROUNDS = 4  # most pairs for a gain that is smaller than what may be lost
AS_GOOD = 0.03  # what a simpler variant may lose, with 95 % confidence, to take over all the same

Variant = Hashable
V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True)
class Timed:
    """A block: `seconds` of the objective; `disturbed`: others used the cores meanwhile, `busy` is their share."""

    seconds: float
    disturbed: bool = False
    busy: float = 0.0


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
    """A challenger against the incumbent: mean difference of logarithms (below 0: the challenger is faster) over `rounds`
    pairs. `disturbed`: others' work was in most of them: what they say holds beside that work, and decides nothing."""

    difference: float
    margin: float
    rounds: int
    verdict: str  # better, worse, tie
    disturbed: bool = False

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

    @property
    def wins(self) -> bool:
        """The challenger is better, and a quiet machine says so."""
        return self.verdict == "better" and not self.disturbed

    @property
    def loses(self) -> bool:
        return self.verdict == "worse" and not self.disturbed

    @property
    def is_open(self) -> bool:
        """Not decided: the challenger may be faster by more than what may be lost."""
        return self.verdict == "tie" and self.gain_interval[1] > TOLERANCE

    @property
    def is_as_good(self) -> bool:
        """The challenger loses no more than a simpler one may."""
        return self.difference + self.margin <= math.log1p(AS_GOOD) and not self.disturbed


@dataclass
class Race:
    """All rounds of a search: what was run, by variant. Which pairs count hangs on what others did, never on times."""

    least_gain: float = 0.0
    noise: Noise = field(default_factory=Noise)
    rounds: list[dict[Variant, Timed]] = field(default_factory=list)
    known: dict[tuple[Variant, Variant], list[float]] = field(default_factory=dict)
    """(challenger, incumbent) → differences of quiet pairs that an earlier search left."""

    def add(self, found: Mapping[Variant, Timed]) -> None:
        self.rounds.append(dict(found))

    def contest(self, challenger: Variant, incumbent: Variant) -> Contest | None:
        """Over all rounds that had both; None where there is none."""
        values, disturbed = self.differences(challenger, incumbent)
        if not values:
            return None
        pooled = replace(self.noise)
        pooled.learn(values)  # its own spread counts at once, that of others when their race is over
        difference = fmean(values)
        if len(values) == 1:
            slower = difference > math.log1p(CLEARLY_SLOWER) and not disturbed
            return Contest(difference, math.inf, 1, "worse" if slower else "tie", disturbed)
        margin = pooled.margin(len(values))
        return Contest(difference, margin, len(values), self._verdict(difference, margin), disturbed)

    def differences(self, challenger: Variant, incumbent: Variant) -> tuple[list[float], bool]:
        """Differences of logarithms of the pairs that count, and whether they were disturbed: the quiet ones where they are
        at least two and half of all, else all."""
        pairs = [
            (
                math.log(found[challenger].seconds / found[incumbent].seconds),
                _disturbed(found, challenger, incumbent),
            )
            for found in self.rounds
            if challenger in found and incumbent in found
        ]
        pairs += [(difference, False) for difference in self._known(challenger, incumbent)]
        quiet = [difference for difference, disturbed in pairs if not disturbed]
        if len(quiet) == len(pairs) or (len(quiet) >= 2 and 2 * len(quiet) >= len(pairs)):
            return quiet, False
        return [difference for difference, _ in pairs], True

    def _known(self, challenger: Variant, incumbent: Variant) -> list[float]:
        """Of either direction."""
        mirrored = [-difference for difference in self.known.get((incumbent, challenger), [])]
        return [*self.known.get((challenger, incumbent), []), *mirrored]

    def quiet_pairs(self) -> dict[tuple[Variant, Variant], list[float]]:
        """(challenger, incumbent) → differences of all quiet pairs, those of earlier searches among them; in one direction,
        the one in which they were first seen."""
        found = {names: list(values) for names, values in self.known.items()}
        for blocks in self.rounds:
            for one, other in combinations(blocks, 2):
                if _disturbed(blocks, one, other):
                    continue
                difference = math.log(blocks[one].seconds / blocks[other].seconds)
                if (other, one) in found:
                    found[other, one].append(-difference)
                else:
                    found.setdefault((one, other), []).append(difference)
        return found

    def has_quiet_pair(self, challenger: Variant, incumbent: Variant) -> bool:
        return any(
            challenger in found and incumbent in found and not _disturbed(found, challenger, incumbent)
            for found in self.rounds
        )

    def learn(self, challengers: Iterable[Variant], incumbent: Variant) -> None:
        """Pool the spread of what was raced, when the race is over."""
        for challenger in challengers:
            self.noise.learn(self.differences(challenger, incumbent)[0], clip=BURST)

    def _verdict(self, difference: float, margin: float) -> str:
        if difference + margin < 0 and 1 - math.exp(difference) >= self.least_gain:
            return "better"
        return "worse" if difference - margin > 0 else "tie"


def _disturbed(found: Mapping[Variant, Timed], *names: Variant) -> bool:
    return any(found[name].disturbed for name in names)


def run_rounds(
    race: Race,
    incumbent: Variant,
    challengers: Sequence[Variant],
    blocks: Callable[[Sequence[Variant]], Mapping[Variant, Timed]],
    *,
    rounds: int,
    may_go_on: Callable[[Sequence[Variant]], bool],
    patient: Iterable[Variant] = (),
) -> None:
    """At most `rounds` rounds of the incumbent and of the challengers that are still open.

    `blocks` runs one block of each, in that order, and leaves out those that cannot be served; `may_go_on(variants)` says
    whether time allows a round of them. `patient` ones stay for two rounds, however slow: how slow is to be known.
    """
    still = list(challengers)
    for number in range(rounds):
        names = [incumbent, *still]
        if not still or not may_go_on(names):
            break
        found = blocks(names if number % 2 == 0 else names[::-1])  # so that a drift favours none
        race.add(found)
        still = [name for name in still if name in found]
        still = [
            name for name in still if _goes_on(race, name, incumbent) or (name in patient and number == 0)
        ]
    race.learn(challengers, incumbent)


def _goes_on(race: Race, challenger: Variant, incumbent: Variant) -> bool:
    """Undecided, or faster so far and more rounds could show a gain that counts. On a disturbed machine only where there are
    quiet pairs, so that a burst of others' work is outlived: more disturbed ones decide nothing."""
    contest = race.contest(challenger, incumbent)
    if contest is None:
        return False
    if contest.disturbed:
        return contest.rounds < LEAST_ROUNDS or race.has_quiet_pair(challenger, incumbent)
    could = contest.gain > race.least_gain / 2 and contest.gain_interval[1] >= race.least_gain
    return contest.verdict == "tie" and (contest.is_open or (could and contest.rounds < PROMISING_ROUNDS))


def fastest(contests: Mapping[V, Contest]) -> V | None:
    """Of challengers that are better (they come simplest first) the first that no other beats beyond noise."""
    better = {name: contest for name, contest in contests.items() if contest.wins}
    if not better:
        return None
    best = min(better.values(), key=lambda contest: contest.difference)
    return next(
        name
        for name, contest in better.items()
        if contest.difference <= best.difference + max(contest.margin, best.margin)
    )
