"""How requests meet a server, and an encoder's batches of texts: one after another, all at once, or as they arrive; part of the
serving process.

A block of a `server` scenario begins with an empty queue, and the first requests find it shorter than later ones do: they are
served and do not count. What counts must be long enough for a queue to show.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from infopt_compiler.measure.serving.prompts import make_prompts, read_prompts
from infopt_compiler.measure.serving.samples import Request
from infopt_compiler.runtimes.protocol import Encoder, Server
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


def encoder_batches(
    server: Encoder, scenario: Scenario, count: int, seed: int, texts_file: Path | None
) -> list[list[str]]:
    """`count` batches of `scenario.batch` different texts, of just `prompt` tokens or of the data's own lengths."""
    needed = count * scenario.batch
    if texts_file is not None:
        texts = read_prompts(texts_file, server.encode, scenario.prompt, needed, seed)
    else:
        texts = make_prompts(server.encode, scenario.prompt, needed, seed)
    texts = texts or ["a"] * needed
    return [texts[k : k + scenario.batch] for k in range(0, needed, scenario.batch)]


def run_batches(
    server: Encoder,
    batches: Sequence[Sequence[str]],
    scenario: Scenario,
    seed: int,
    done: Callable[[Request], None],
) -> float:
    """Embed each batch, one after another, as the scenario's mode lets them come; wall seconds of all of them.

    `concurrency` of a server changes nothing: a forward pass cannot be interleaved, so requests wait their turn.
    """
    start = _clock()
    planned = _planned(len(batches), scenario, seed)
    for at, batch in zip(planned, batches, strict=True):
        due = _clock() if at is None else start + at
        time.sleep(max(0.0, due - _clock()))
        done(_embed(server, batch, due, start))
    return _clock() - start


def _planned(count: int, scenario: Scenario, seed: int) -> Sequence[float | None]:
    """When each batch arrives, in seconds after the start; None: when the one before is answered."""
    if scenario.mode is ScenarioMode.server:
        return arrivals(count, scenario.rate, seed)
    return [0.0 if scenario.mode is ScenarioMode.offline else None] * count


def _embed(server: Encoder, batch: Sequence[str], due: float, start: float) -> Request:
    admitted = _clock()
    inputs = server.tokenize(list(batch))
    encoded = _clock()
    server.forward(inputs)
    end = _clock()
    longest = int(inputs["input_ids"].shape[1])
    return Request(
        ttft=0.0,
        prefill=0.0,
        latency=end - due,
        gaps=(),
        prompt_tokens=longest,
        sequences=len(batch),
        arrived=due - start,
        queued=admitted - due,
        forward=end - encoded,
    )


LEAST_ARRIVALS = 30  # counted requests of a block
MOST_REQUESTS = 72  # of a block, ramp-up included
_MOST_ARRIVALS = 60
_SERVICE_TIMES = 8  # that the counted arrivals last, at least, unless they are the most
_RAMP = 0.2  # further requests in front of the counted ones, as a share of them


@dataclass(frozen=True)
class BlockPlan:
    """`ramp` requests that do not count, then `counted` that do."""

    ramp: int
    counted: int

    @property
    def total(self) -> int:
        return self.ramp + self.counted


def plan_block(requests: int, least: int, rate: float, service: float) -> BlockPlan:
    """At least `least` counted requests, and so many that they arrive over several of `service`, the seconds that one
    request takes alone; with `least` 0 just `requests`, all counted."""
    if least == 0:
        return BlockPlan(0, requests)
    counted = max(requests, least, min(_MOST_ARRIVALS, math.ceil(_SERVICE_TIMES * rate * service)))
    return BlockPlan(math.ceil(_RAMP * counted), counted)


@dataclass
class Window:
    """Gathers the requests of a block that `planned` seconds after its start arrive, and says what counts."""

    plan: BlockPlan
    planned: list[float]
    requests: list[Request] = field(default_factory=list)

    @property
    def begin(self) -> float:
        """When the first counted request arrives: without a ramp-up the block's start."""
        return self.planned[self.plan.ramp] if self.plan.ramp else 0.0

    def close(self, done: Callable[[Request], None]) -> tuple[float, tuple[int, int]]:
        """Hands on what counts, in the order of arrival. Wall seconds from the first counted arrival to the last answer,
        and how many requests were there, unanswered, at the first and at the last counted arrival."""
        ordered = sorted(self.requests, key=lambda request: request.arrived)
        counted = ordered[self.plan.ramp :]
        for request in counted:
            done(request)
        end = max(request.arrived + request.latency for request in counted)
        ends = counted[0].arrived, counted[-1].arrived
        return end - self.begin, (_unanswered(ordered, ends[0]), _unanswered(ordered, ends[1]))


def _unanswered(requests: list[Request], at: float) -> int:
    return sum(request.arrived < at < request.arrived + request.latency for request in requests)
