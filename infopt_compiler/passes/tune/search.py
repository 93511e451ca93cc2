"""The search: from the settings predicted best, one step in every direction, within a time limit.

Pure but for what it is given to call. Nothing comes out that was not run itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from infopt_compiler.passes.tune.race import LEAST_ROUNDS, Contest, Race, Timed, Variant, fastest, run_rounds
from infopt_compiler.passes.tune.settings import Available, Settings, neighbours, text

BLOCK_SHARE = 1 / 20  # most of the whole time that one block of the incumbent may take
SLOW_SHARE = 1 / 6  # most of it that one short request of the default may take
SLOW = 2.5  # times as slow: known from a short request, and not worth the time of a whole block
SCREEN_TOKENS = 8  # output tokens of a short request
TIMED_SECONDS = 0.5  # of requests in a block, at least: where one takes milliseconds a block has more of them
MOST_REQUESTS = 200  # in a block for that reason
NOT_HELD = "not together with the other changes, which were run together and did not hold"


class TrialError(Exception):
    """A variant that cannot be made or served."""


class TooSlowError(TrialError):
    """A block that was abandoned at its limit."""


@dataclass(frozen=True)
class Load:
    """The requests of a block: `warmup` that do not count, then `requests` that do; `short`: of few tokens.
    `most_seconds`: the block is abandoned then; 0: never."""

    requests: int
    warmup: int
    short: bool = False
    most_seconds: float = 0.0

    @property
    def total(self) -> int:
        return self.requests + self.warmup


SHORT = Load(1, 0, short=True)
"""What screening runs: where a kernel is missing, decoding is ten times slower, and some tokens show it."""


@dataclass(frozen=True)
class Run(Timed):
    """A block as it was run; `request`: seconds that one request took."""

    request: float = 0.0


class Bench(Protocol):
    """What measures: blocks of variants, in fresh processes."""

    def block(self, settings: Settings, number: int, load: Load) -> Run:
        """A block of a variant in round `number` of the search. Raises TrialError, TooSlowError."""

    def allowed(self, settings: Settings) -> tuple[Settings, dict[str, str]]:
        """The settings without what costs too much quality, and why, by setting."""


@dataclass(frozen=True)
class Decision:
    """What was decided for one setting, and why. `tried` holds the contests of other values, by their texts; `open`: what was
    not decided, as a sentence's end."""

    setting: str
    value: Any
    reason: str
    tried: dict[str, Contest] = field(default_factory=dict)
    open: str | None = None


@dataclass(frozen=True)
class Found:
    """`gain` is the contest of what was chosen against the default; `by_short`: over short requests, since the default is so
    slow; None where the default was chosen, or is known only to be more than `SLOW` times as slow."""

    chosen: Settings
    decisions: list[Decision]
    gain: Contest | None = None
    by_short: bool = False
    doubt: str | None = None

    @property
    def open(self) -> list[str]:
        """What was not decided, as sentences' ends."""
        found = [*(decision.open for decision in self.decisions), self.doubt]
        return [one for one in found if one]


@dataclass
class Search:
    """`stretch`: tokens of a request over those of a short one. `settled`: (challenger, incumbent) → what earlier searches
    decided on a quiet machine, which is not run again; `contests` has what this one found beside it. `race` holds the rounds of blocks, `shorts` those of short requests, `failures` what could not be run.
    """

    default: Settings
    bench: Bench
    clock: Callable[[], float]
    deadline: float
    load: Load
    stretch: float
    rounds: int
    least_gain: float
    settled: Mapping[tuple[Variant, Variant], Contest] = field(default_factory=dict)
    contests: dict[tuple[Variant, Variant], Contest] = field(default_factory=dict)
    race: Race = field(default_factory=Race)
    shorts: Race = field(default_factory=Race)
    failures: dict[Settings, str] = field(default_factory=dict)
    walls: dict[tuple[Settings, bool], float] = field(default_factory=dict)
    incumbent: Settings = field(init=False)
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started, self.incumbent = self.clock(), self.default
        self.race.least_gain = self.shorts.least_gain = self.least_gain

    @property
    def blocks(self) -> list[Timed]:
        return [
            timed for race in (self.shorts, self.race) for found in race.rounds for timed in found.values()
        ]

    def run(self, available: Available, candidates: Sequence[Settings]) -> Found:
        """Race from the first of the candidates that can be served. Raises TrialError where the default cannot be."""
        candidates = list(dict.fromkeys(candidates))
        self._screen(candidates)
        shippable, refused = self._shippable(candidates)
        start = next(iter(shippable), self.default)
        self._set_load(start)
        rivals = [other for other in shippable if other not in (start, self.default)]
        found = self._confirmed(self._around(start, available, rivals, refused))
        assert self._is_allowed(found.chosen), "what costs too much quality is no candidate and no move"
        return found

    def _screen(self, candidates: Sequence[Settings]) -> None:
        """A short request of every candidate and of the default."""
        for settings in candidates:
            if settings == self.default:
                continue  # screened last, once: its limit hangs on the others
            with suppress(TrialError):
                self._short([settings])
        shortest = min((wall for (_, short), wall in self.walls.items() if short), default=0.0)
        limit = max((self.deadline - self.started) * SLOW_SHARE, SLOW * shortest)
        try:
            self._short([self.default], limit if shortest else 0.0)
        except TooSlowError as slow:
            self.failures[self.default] = str(slow)

    def _shippable(self, candidates: Sequence[Settings]) -> tuple[list[Settings], dict[str, str]]:
        """The candidates that can be served and are not clearly slower than the default, without what costs too much quality;
        and why that is refused, by setting."""
        found: dict[Settings, None] = {}
        refused: dict[str, str] = {}
        for settings in candidates:
            if settings in self.failures or self._times_slower(settings, self.default) > SLOW:
                continue
            allowed, why = self.bench.allowed(settings)
            refused = why | refused
            if allowed not in self.failures and not self._seconds(allowed):
                with suppress(TrialError):
                    self._short([allowed])
            if allowed not in self.failures:
                found[allowed] = None
        return list(found), refused

    def _is_allowed(self, settings: Settings) -> bool:
        return self.bench.allowed(settings)[0] == settings

    def _around(
        self, start: Settings, available: Available, others: list[Settings], refused: dict[str, str]
    ) -> Found:
        """Race the start against the default, other candidates and everything one step away; take what wins."""
        self.incumbent = start
        steps = {start.with_value(*step): step for step in neighbours(start, self.default, available)}
        steps = {s: step for s, step in steps.items() if s not in self.failures}
        whole = [s for s in (self.default, *others) if s != start and s not in self.failures]
        whole = [s for s in dict.fromkeys(whole) if self._times_slower(s, start) <= SLOW]
        known = {s: self.settled[s, start] for s in (*whole, *steps) if (s, start) in self.settled}
        known |= self._without_slow_kernels(start, {s: step for s, step in steps.items() if s not in known})
        rivals = [s for s in dict.fromkeys([*whole, *steps]) if s not in known]
        raced, left = self._that_fit(start, rivals)
        run_rounds(
            self.race,
            start,
            raced,
            self._round,
            rounds=self.rounds,
            may_go_on=self._fits,
            patient=[self.default],
        )
        contests = known | {s: found for s in raced if (found := self.race.contest(s, start)) is not None}
        self.contests |= {(s, start): contest for s, contest in contests.items()}
        for better in [s for s in whole if s not in steps]:
            if better in contests and contests[better].wins:
                return self._around(better, available, [], refused)
        return self._moved(start, steps, contests, left, refused)

    def _moved(
        self,
        start: Settings,
        steps: Mapping[Settings, tuple[str, Any]],
        contests: dict[Settings, Contest],
        left: Iterable[Settings],
        refused: dict[str, str],
    ) -> Found:
        """What to change of the start, all changes together, run as they ship."""
        moves: dict[str, Settings] = {}
        refused, joined = dict(refused), start
        for name in start.order:
            mine = {s: contests[s] for s, step in steps.items() if step[0] == name and s in contests}
            taken = self._taken(start, name, mine)
            if taken is None:
                continue
            both = joined.with_value(name, getattr(taken, name))
            if too_much := [s for s in (taken, both) if not self._is_allowed(s)]:
                reasons = self.bench.allowed(too_much[0])[1]
                refused[name] = reasons.get(name) or next(iter(reasons.values()))
                continue
            moves[name], joined = taken, both
        chosen, kept = self._together(start, moves, contests)
        decisions = [
            self._decision(start, chosen, name, steps, contests, left, refused, kept.get(name))
            for name in start.order
            if name in refused or any(step[0] == name for step in steps.values())
        ]
        return Found(chosen, decisions)

    def _taken(self, start: Settings, name: str, mine: dict[Settings, Contest]) -> Settings | None:
        """The value that wins, else the default's where it is as good."""
        if (best := fastest(mine)) is not None:
            return best
        simpler = start.with_value(name, getattr(self.default, name))
        contest = mine.get(simpler)
        return (
            simpler if contest is not None and contest.rounds >= LEAST_ROUNDS and contest.is_as_good else None
        )

    def _together(
        self, start: Settings, moves: dict[str, Settings], contests: Mapping[Settings, Contest]
    ) -> tuple[Settings, dict[str, str]]:
        """The settings with all moves, if they hold together; else the best move alone, else the start. And why moves that
        were won are not taken, by setting."""
        if len(moves) <= 1:
            return next(iter(moves.values()), start), {}
        joined = start
        for name, settings in moves.items():
            joined = joined.with_value(name, getattr(settings, name))
        won = any(contests[settings].wins for settings in moves.values())
        if joined not in self.failures and self._fits([start, joined] * LEAST_ROUNDS):
            run_rounds(
                self.race,
                start,
                [joined],
                self._round,
                rounds=self.rounds,
                may_go_on=self._fits,
                patient=[joined],
            )
        contest = self.race.contest(joined, start)
        if contest is not None and contest.rounds >= LEAST_ROUNDS:
            if contest.wins or (not won and contest.is_as_good):
                return joined, {}
            is_open = contest.disturbed or contest.is_open
            reason = "its combination with the other changes is not decided" if is_open else NOT_HELD
        else:
            reason = "its combination with the other changes was not tried: no time left"
        name = min(moves, key=lambda name: contests[moves[name]].difference)
        single = moves[name] if contests[moves[name]].wins else start
        return single, {other: reason for other in moves if single == start or other != name}

    def _decision(
        self,
        start: Settings,
        chosen: Settings,
        name: str,
        steps: Mapping[Settings, tuple[str, Any]],
        contests: Mapping[Settings, Contest],
        left: Iterable[Settings],
        refused: Mapping[str, str],
        kept: str | None,
    ) -> Decision:
        own = {s: step[1] for s, step in steps.items() if step[0] == name}
        tried = {text(value): contests[s] for s, value in own.items() if s in contests}
        value, was = getattr(chosen, name), getattr(start, name)
        untried = [
            text(v) for s, v in own.items() if s in left or (s not in contests and s not in self.failures)
        ]
        unsure = {t: c for t, c in tried.items() if c.is_open and not c.disturbed and t != text(value)}
        open_ones = [f"{name}={t}: no time left to try it" for t in untried]
        open_ones += [f"{name}={t} may be {_possible(c)}" for t, c in unsure.items()]
        if kept is not None and kept != NOT_HELD:
            open_ones.append(f"{name}: {kept}")
        if name in refused and value == was == getattr(self.default, name):
            reason = refused[name]
        elif value != was:
            contest = tried[text(value)]
            faster = f"{contest.gain:.1%} less time than {text(was)}"
            reason = faster if contest.wins else f"as fast as {text(was)}, and simpler"
        elif kept is not None:
            reason = kept
        elif failed := [self.failures[s] for s in own if s in self.failures and s not in contests]:
            reason = f"not taken: {failed[0]}"
        else:
            reason = self._stays(name, value, tried, bool(open_ones))
        return Decision(name, value, reason, tried, "; ".join(open_ones) or None)

    def _stays(self, name: str, value: Any, tried: Mapping[str, Contest], is_open: bool) -> str:
        simpler = text(getattr(self.default, name))
        if any(contest.disturbed for contest in tried.values()):
            return "not decided beside other work"
        if simpler in tried and tried[simpler].loses:
            return f"{simpler} takes {math.expm1(tried[simpler].difference):.0%} more time"
        return "not decided" if is_open else "nothing is better beyond noise"

    def _confirmed(self, found: Found) -> Found:
        """With what it gained over the default. The default ships only on evidence: where it is faster beyond noise, or where
        a single pair is all there was time for and says so."""
        chosen = found.chosen
        if chosen == self.default:
            return found
        by_short = self.default in self.failures or self._times_slower(self.default, self.incumbent) > SLOW
        race = self.shorts if by_short else self.race
        if by_short:
            self._confirm_by_short(chosen)
        elif len(race.differences(chosen, self.default)[0]) < LEAST_ROUNDS:
            run_rounds(
                race,
                self.default,
                [chosen],
                self._round,
                rounds=self.rounds,
                may_go_on=self._fits,
                patient=[chosen],
            )
        gain = race.contest(chosen, self.default) or self._chained(chosen)
        if gain is not None and gain.loses:
            return self._left_alone(found, gain, None)
        if gain is not None and gain.rounds < LEAST_ROUNDS and gain.difference > 0 and not gain.disturbed:
            return self._left_alone(
                found, gain, "the final check had time for a single pair, and it was slower"
            )
        doubt = None if by_short else self._doubt(chosen, gain)
        return Found(chosen, found.decisions, gain, by_short, doubt)

    def _doubt(self, chosen: Settings, gain: Contest | None) -> str | None:
        """Why the default may be better yet: it is open as a challenger, and was not settled as one (then it is not raced
        again, and would be in doubt for ever)."""
        if gain is None or gain.disturbed or (self.default, chosen) in self.settled:
            return None
        turned = replace(gain, difference=-gain.difference)
        if gain.verdict != "tie" or not turned.is_open:
            return None
        return f"the artifact as it came may be {_possible(turned)}"

    def _left_alone(self, found: Found, gain: Contest, doubt: str | None) -> Found:
        """The artifact as it came."""
        reason = "the final check does not confirm it"
        decisions = [
            Decision(d.setting, getattr(self.default, d.setting), reason, d.tried, d.open)
            for d in found.decisions
        ]
        return Found(self.default, decisions, gain, doubt=doubt)

    def _chained(self, chosen: Settings) -> Contest | None:
        """The chosen against the default by way of the incumbent, where no round had both."""
        first = self.race.contest(self.incumbent, self.default) or self.shorts.contest(
            self.incumbent, self.default
        )
        second = self.race.contest(chosen, self.incumbent) or self.shorts.contest(chosen, self.incumbent)
        if chosen == self.incumbent or first is None or second is None:
            return first if chosen == self.incumbent else None
        difference, margin = first.difference + second.difference, math.hypot(first.margin, second.margin)
        verdict = "better" if difference + margin < 0 else "worse" if difference > margin else "tie"
        rounds, disturbed = min(first.rounds, second.rounds), first.disturbed or second.disturbed
        return Contest(difference, margin, rounds, verdict, disturbed)

    def _confirm_by_short(self, chosen: Settings) -> None:
        """A second pair of short requests, where time allows."""
        wall = self.walls.get((self.default, True), math.inf)
        for _ in range(LEAST_ROUNDS):
            values, _ = self.shorts.differences(chosen, self.default)
            if (
                len(values) < LEAST_ROUNDS
                and self.clock() + wall + self.walls.get((chosen, True), wall) < self.deadline
            ):
                with suppress(TrialError):
                    self._short([self.default, chosen])

    def _without_slow_kernels(
        self, start: Settings, steps: Mapping[Settings, tuple[str, Any]]
    ) -> dict[Settings, Contest]:
        """Contests of steps whose kernel is missing, by a short request each: blocks of them would take most of the time.
        Looked for only where something is known to be that slow."""
        if self.default not in self.failures and self._times_slower(self.default, start) <= SLOW:
            return {}
        slow: dict[Settings, Contest] = {}
        for settings, (name, _) in steps.items():
            if name not in start.kernels or settings == self.default:
                continue
            own = self.walls[start, True]
            try:
                self._short([settings], own + SLOW * (self._seconds(start) or own))
            except TooSlowError:
                slow[settings] = Contest(math.log(SLOW), 0.0, 1, "worse")
                continue
            except TrialError:
                continue
            if self._times_slower(settings, start) > SLOW:
                slow[settings] = Contest(
                    math.log(self._times_slower(settings, start)), math.log(SLOW), 1, "worse"
                )
        return slow

    def _that_fit(self, start: Settings, rivals: list[Settings]) -> tuple[list[Settings], list[Settings]]:
        """The rivals for which there is time for two rounds with the start, and the others."""
        fits = len(rivals)
        while fits and not self._fits([start, *rivals[:fits]] * LEAST_ROUNDS):
            fits -= 1
        return rivals[:fits], rivals[fits:]

    def _fits(self, names: Sequence[Variant]) -> bool:
        cost = sum(self._cost(settings) for settings in names if isinstance(settings, Settings))
        return self.clock() + cost <= self.deadline

    def _cost(self, settings: Settings) -> float:
        """Wall seconds of a block: as measured, else as a short request of it tells, else as the incumbent's."""
        if (wall := self.walls.get((settings, self.load.short))) is not None:
            return wall
        if (settings, True) in self.walls:
            return self._told(settings)
        return self._cost(self.incumbent) if settings != self.incumbent else 0.0

    def _told(self, settings: Settings) -> float:
        """Wall seconds of a block, from those of a short request."""
        wall, request = self.walls[settings, True], self._request(settings)
        return wall - request + self.load.total * request * (1.0 if self.load.short else self.stretch)

    def _set_load(self, settings: Settings) -> None:
        """As many requests as were asked for, more where they are so short that noise would drown them, fewer or shorter ones
        where a block would take too much of the time."""
        request = self._request(settings)
        enough = math.ceil(TIMED_SECONDS / max(1e-6, request * self.stretch))
        wanted = max(self.load.requests, min(MOST_REQUESTS, enough))
        allowed = (self.deadline - self.started) * BLOCK_SHARE
        for load in (Load(wanted, max(self.load.warmup, wanted // 10)), Load(1, 1), Load(1, 0)):
            if load.total * request * self.stretch <= allowed:
                self.load = load
                return
        self.load = SHORT

    def _round(self, names: Sequence[Variant]) -> dict[Variant, Timed]:
        """A block of each; a rival that cannot be served is left out, and why is kept."""
        found: dict[Variant, Timed] = {}
        for settings in names:
            assert isinstance(settings, Settings)
            try:
                found[settings] = self._block(settings, len(self.race.rounds), self.load)
            except TrialError as failure:
                self.failures[settings] = str(failure)
        return found

    def _short(self, names: Sequence[Settings], most_seconds: float = 0.0) -> None:
        """A round of short requests. Raises TrialError where one cannot be served."""
        load = Load(1, 0, short=True, most_seconds=most_seconds)
        rounds = self.shorts.rounds
        joins = len(names) == 1 and rounds and names[0] not in rounds[0]
        found: dict[Variant, Timed] = {
            settings: self._block(settings, 0 if joins else len(rounds), load) for settings in names
        }
        if joins:
            rounds[0].update(found)
        else:
            self.shorts.add(found)

    def _block(self, settings: Settings, number: int, load: Load) -> Run:
        start = self.clock()
        try:
            run = self.bench.block(settings, number, load)
        except TrialError as failure:
            self.failures[settings] = str(failure)
            raise
        wall, key = self.clock() - start, (settings, load.short)
        self.walls[key] = min(wall, self.walls.get(key, wall))
        return run

    def _request(self, settings: Settings) -> float:
        """Seconds of a short request."""
        found = next((r[settings] for r in self.shorts.rounds if settings in r), None)
        return found.request if isinstance(found, Run) else 0.0

    def _seconds(self, settings: Settings) -> float:
        """The objective of a short request; 0 where none was run."""
        return next((r[settings].seconds for r in self.shorts.rounds if settings in r), 0.0)

    def _times_slower(self, settings: Settings, other: Settings) -> float:
        """By short requests; 1 where one of them was not run."""
        mine, theirs = self._seconds(settings), self._seconds(other)
        return mine / theirs if mine and theirs else 1.0


def _possible(contest: Contest) -> str:
    low, high = contest.gain_interval
    if math.isinf(low):
        return "faster: a single pair of blocks decides nothing"
    return f"up to {high:.0%} faster ({low:+.0%} to {high:+.0%})"
