"""The choice among measured candidates: pure, over values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from infopt_compiler.passes.select.parameters import Prefer
from infopt_compiler.passes.select.requirement import Requirement


@dataclass(frozen=True)
class Candidate:
    """What is known of a candidate. `values`: measured metrics in base units; empty where nothing was measured."""

    label: str
    weight_bytes: int
    bytes_per_token: int
    size_bytes: int
    values: Mapping[str, float] = field(default_factory=dict)

    def missed(self, requirements: Sequence[Requirement]) -> dict[Requirement, float]:
        """The requirements that are missed, each with the shortfall as a share of its limit."""
        missed = {}
        for requirement in requirements:
            shortfall = requirement.shortfall(self.values[requirement.metric])
            if shortfall is not None:
                missed[requirement] = shortfall
        return missed


@dataclass(frozen=True)
class Gain:
    """Relative gain in bits per byte of one candidate over another: the value and its paired interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2%} [{self.low:+.2%}, {self.high:+.2%}]"


PairedGain = Callable[[Candidate, Candidate], Gain]
"""(`current`, `other`) → relative gain of `other` over `current`; positive: `other` is better."""


@dataclass(frozen=True)
class Step:
    """One comparison on the way to the choice."""

    kept: str
    against: str
    gain: Gain
    taken: bool
    reason: str


@dataclass(frozen=True)
class Choice:
    candidate: Candidate
    reason: str
    steps: tuple[Step, ...] = ()


def cheapest_first(candidates: Sequence[Candidate], prefer: Prefer) -> list[Candidate]:
    """By bytes read per token where speed is preferred, else by bytes of weights; equal ones in the recipe's order."""
    if prefer is Prefer.fastest:
        return sorted(candidates, key=lambda candidate: candidate.bytes_per_token)
    return sorted(candidates, key=lambda candidate: candidate.weight_bytes)


def choose(candidates: Sequence[Candidate], prefer: Prefer, gain_of: PairedGain, least_gain: float) -> Choice:
    """Choose among candidates that meet the requirements (at least one)."""
    order = cheapest_first(candidates, prefer)
    if len(order) == 1:
        return Choice(order[0], "the only candidate that fits and meets the requirements")
    if prefer is Prefer.best:
        return _best(order, gain_of)
    return _escalate(order, gain_of, least_gain, "smallest" if prefer is Prefer.smallest else "fastest")


def _escalate(order: list[Candidate], gain_of: PairedGain, least: float, word: str) -> Choice:
    """From the cheapest on; a dearer one is taken where the whole interval of its gain lies at or above `least`."""
    current, steps = order[0], []
    reason = f"the {word} candidate that meets the requirements"
    for other in order[1:]:
        gain = gain_of(current, other)
        taken = gain.low >= least and gain.low > 0
        why = f"gain {gain} {'reaches' if taken else 'does not surely reach'} {least:.3g}".replace("+", "")
        steps.append(Step(current.label, other.label, gain, taken, why))
        if taken:
            current, reason = other, f"its gain over {current.label} is significant: {gain} in bits per byte"
    return Choice(current, reason, tuple(steps))


def _best(order: list[Candidate], gain_of: PairedGain) -> Choice:
    """The least bits per byte; the cheapest candidate that is not significantly worse than that is as good."""
    best = min(order, key=lambda candidate: candidate.values["bits_per_byte"])
    steps = []
    for cheaper in order:
        if cheaper is best:
            break
        gain = gain_of(cheaper, best)
        tie = gain.low <= 0
        why = f"the best candidate's gain {gain} is {'not ' if tie else ''}significant"
        steps.append(Step(best.label, cheaper.label, gain, tie, why))
        if tie:
            reason = f"not significantly worse than {best.label}, and cheaper"
            return Choice(cheaper, reason, tuple(steps))
    return Choice(best, "least bits per byte, significantly so against every cheaper candidate", tuple(steps))
