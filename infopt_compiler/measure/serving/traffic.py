"""How requests meet a server: one after another, all at once, or as they arrive. Part of the serving process."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from infopt_compiler.measure.serving.samples import Request
from infopt_compiler.runtimes.protocol import Server
from infopt_compiler.scenario import Scenario, ScenarioMode

Prepare = Callable[[str], list[int]]  # chat template and tokenizer
Done = Callable[[Request], None]
_clock = time.perf_counter


@dataclass
class _Flight:
    """A request that is being served; times are of the process's clock, in seconds."""

    arrived: float
    admitted: float
    encoded: float
    prompt_tokens: int
    steps: Iterator[None]
    times: list[float] = field(default_factory=list)

    def step(self) -> bool:
        """One more token of each sequence; False after the last one."""
        for _ in self.steps:
            self.times.append(_clock())
            return True
        return False

    def request(self, start: float, sequences: int) -> Request:
        times = self.times
        return Request(
            ttft=times[0] - self.arrived,
            prefill=times[0] - self.encoded,
            latency=times[-1] - self.arrived,
            gaps=tuple(later - earlier for earlier, later in pairwise(times)),
            prompt_tokens=self.prompt_tokens,
            sequences=sequences,
            arrived=self.arrived - start,
            queued=self.admitted - self.arrived,
        )


def run_traffic(
    server: Server, texts: Sequence[str], prepare: Prepare, scenario: Scenario, seed: int, done: Done
) -> float:
    """Serve one request for each text (or batch of equal texts) as the scenario's mode says; wall seconds of all of them."""
    if scenario.mode is ScenarioMode.server:
        return _server(server, texts, prepare, scenario, seed, done)
    start, wall = _clock(), 0.0
    for text in texts:
        arrived = start if scenario.mode is ScenarioMode.offline else _clock()
        begin = _clock()
        flight = _admit(server, text, prepare, scenario, arrived)
        while flight.step():
            pass
        wall += _clock() - begin
        done(flight.request(start, scenario.batch))
    return wall


def arrivals(count: int, rate: float, seed: int) -> list[float]:
    """Seconds after the start at which requests arrive: a Poisson process, independent exponential gaps of mean 1 / rate."""
    rng, now, found = random.Random(seed), 0.0, []
    for _ in range(count):
        now += rng.expovariate(rate)
        found.append(now)
    return found


def _server(
    server: Server, texts: Sequence[str], prepare: Prepare, scenario: Scenario, seed: int, done: Done
) -> float:
    """An open loop: arrivals do not wait for answers. What is in flight takes turns, one token each, on the runtime's threads;
    a prompt's prefill holds the others up, as it does on a server without chunked prefill."""
    start = _clock()
    waiting = deque(
        (start + at, text) for at, text in zip(arrivals(len(texts), scenario.rate, seed), texts, strict=True)
    )
    flying: list[_Flight] = []
    while waiting or flying:
        while waiting and len(flying) < scenario.concurrency and waiting[0][0] <= _clock():
            arrived, text = waiting.popleft()
            flying.append(_admit(server, text, prepare, scenario, arrived))
        if not flying:
            time.sleep(max(0.0, waiting[0][0] - _clock()))
        for flight in list(flying):
            if not flight.step():
                flying.remove(flight)
                done(flight.request(start, 1))
    return _clock() - start


def _admit(server: Server, text: str, prepare: Prepare, scenario: Scenario, arrived: float) -> _Flight:
    admitted = _clock()
    ids = prepare(text)
    encoded = _clock()
    steps = server.generate(ids, scenario.batch, scenario.generate, scenario.max_length)
    return _Flight(arrived, admitted, encoded, len(ids), steps)
