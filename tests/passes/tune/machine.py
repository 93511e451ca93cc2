"""A machine whose answers are known: the bench of a search without any process."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from infopt_compiler.passes.tune.search import Load, Run, Search, TooSlowError, TrialError
from infopt_compiler.passes.tune.settings import DecoderSettings, Settings

DEFAULT = DecoderSettings()
PREDICTED = DecoderSettings(2, 4, 4, True)
ALL = {
    "threads": [2],
    "accuracy_level": [0, 4],
    "head_accuracy_level": [0, 4],
    "prune_head": [True],
    "fuse_gate_up": [True],
    "separate_qkv": [True],
}
USUAL = {"threads": 0.6, "accuracy_level": 0.7, "head_accuracy_level": 0.9, "prune_head": 0.93}


class Machine:
    """A request of the default takes `request` seconds; every setting that is not the default's multiplies that by its factor.

    `busy` says at a time whether another program runs, which takes a core from all and half of two threads. A block takes
    `start` seconds besides its requests. `refuse`: settings that cost too much quality; `broken`: that cannot be served.
    """

    def __init__(
        self,
        factors: Mapping[str, float] = USUAL,
        *,
        noise: float = 0.01,
        request: float = 1.0,
        start: float = 0.8,
        busy: Callable[[float], bool] = lambda now: False,
        refuse: tuple[str, ...] = (),
        broken: tuple[str, ...] = (),
        seed: int = 1,
    ) -> None:
        self.factors, self.noise, self.request, self.start = factors, noise, request, start
        self.busy, self.refuse, self.broken = busy, refuse, broken
        self.now, self.rng = 0.0, random.Random(seed)
        self.ran: list[tuple[Settings, Load]] = []

    def seconds(self, settings: Settings) -> float:
        changed = settings.changes(DEFAULT)
        value = self.request * math.prod(self.factors.get(name, 1.0) for name in changed)
        both = {"fuse_gate_up", "separate_qkv"} <= changed.keys()
        return value * (self.factors.get("fuse_gate_up+separate_qkv", 1.0) if both else 1.0)

    def block(self, settings: Settings, number: int, load: Load) -> Run:
        if settings.changes(DEFAULT).keys() & set(self.broken):
            self.now += self.start
            raise TrialError("does not load")
        busy = self.busy(self.now)
        share = 1 / 8 if load.short else 1.0
        request = self.seconds(settings) * share * math.exp(self.rng.gauss(0, self.noise))
        if busy:
            request *= 1.2 * math.exp(self.rng.gauss(0, 0.15)) * (1.7 if settings.threads > 1 else 1.0)
        wall = self.start + request * load.total
        if load.most_seconds and wall > load.most_seconds:
            self.now += load.most_seconds
            raise TooSlowError(f"abandoned after {load.most_seconds:.1f} s")
        self.now += wall
        self.ran.append((settings, load))
        return Run(request, busy, 0.5 if busy else 0.0, request)

    def allowed(self, settings: Settings) -> tuple[Settings, dict[str, str]]:
        found = settings
        for name in self.refuse:
            found = found.with_value(name, getattr(DEFAULT, name))
        return found, {name: "refused: it costs too much" for name in self.refuse if found != settings}


def search(machine: Machine, *, seconds: float = 90.0, rounds: int = 4, **more) -> Search:
    return Search(DEFAULT, machine, lambda: machine.now, seconds, Load(2, 1), 8.0, rounds, 0.02, **more)
