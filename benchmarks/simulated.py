"""Processes drawn by a random generator in place of served ones: trials whose truth is known.

A process has a speed of its own (log-normal drift), its requests scatter around it (log-normal, with a share of
slow outliers); in some worlds a share of the processes is of another kind. Blocks go through the sampling, analyses and judging that real blocks go through.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from infopt_compiler.artifacts import Artifact
from infopt_compiler.budget import Bound, Operator, Verdict
from infopt_compiler.measure.job import Job
from infopt_compiler.measure.judging import judge_reading
from infopt_compiler.measure.requests.instrument import Timing
from infopt_compiler.measure.serving.latency import sample
from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.scenario import Scenario
from infopt_compiler.units import UNITS, Quantity

SCENARIO = Scenario("simulated", prompt=16, generate=2)


@dataclass(frozen=True)
class World:
    """`drift` and `noise` are standard deviations of logarithms: 0.075 is ±15 % for 95 % of processes. `outliers` is the
    share of requests that take up to `outlier` times as long. `machine` is drift that neighbouring blocks share.
    Processes of another kind (a share `others` of them) take `slower` times as long, or in a share `heavy` of their
    requests `heavier` times."""

    drift: float = 0.075
    noise: float = 0.03
    outliers: float = 0.02
    outlier: float = 2.0
    machine: float = 0.0
    others: float = 0.0
    slower: float = 1.0
    heavy: float = 0.0
    heavier: float = 3.0

    def request(self, rng: random.Random, heavy: float = 0.0) -> float:
        value = math.exp(rng.gauss(0, self.noise))
        if heavy and rng.random() < heavy:
            value *= self.heavier
        return value * rng.uniform(1, self.outlier) if rng.random() < self.outliers else value

    def process(self, rng: random.Random) -> tuple[float, float]:
        """Its speed, and the share of its requests that take longer."""
        speed = math.exp(rng.gauss(0, self.drift))
        other = self.others > 0 and rng.random() < self.others
        return (speed * self.slower, self.heavy) if other else (speed, 0.0)

    def one(self, rng: random.Random) -> float:
        """One request of one process."""
        speed, heavy = self.process(rng)
        return speed * self.request(rng, heavy)

    def truth(self, q: float, draws: int = 400_000) -> float:
        """The q-quantile over requests of all processes, by drawing: one request a process."""
        rng = random.Random(7)
        ordered = sorted(self.one(rng) for _ in range(draws))
        return ordered[math.ceil(q * draws) - 1]


# What log-normal drift does not describe: processes whose tails differ, and processes of two speeds.
KINDS: dict[str, World] = {
    "30 % of processes with a quarter of their requests 3 times slower": World(0.02, others=0.3, heavy=0.25),
    "20 % of processes with a fifth of their requests 3 times slower": World(0.02, others=0.2, heavy=0.2),
    "20 % of processes 2 times slower": World(0.02, others=0.2, slower=2.0),
    "30 % of processes 1.3 times slower": World(0.02, others=0.3, slower=1.3),
}


def trial(
    world: World, bound: Bound, settings: MeasureSettings, seed: int, speeds: Mapping[str, float]
) -> tuple[Verdict, Timing]:
    """One measurement of simulated variants (`speeds`: seconds per request by name; `subject` is judged)."""
    rng = random.Random(seed)

    def serve(
        artifact: Artifact, scenario: Scenario, requests: int, warmup: int, number: int, prompts: Path | None
    ) -> tuple[Block, dict[str, Any]]:
        shared = math.exp(random.Random((seed << 20) + number).gauss(0, world.machine))
        speed, heavy = world.process(rng)
        level = speeds[artifact.path.name] * speed * shared
        times = [level * world.request(rng, heavy) for _ in range(requests)]
        rows = tuple(Request(time, time, 2 * time, (time,), scenario.prompt) for time in times)
        return Block(rows, 2 * sum(times), level, 1, 1), {}

    job = job_of(settings)

    def decided(found: dict[str, BlockSamples], analysis: int, last: bool) -> bool:
        return (
            judge_reading(job, bound, Timing(job, SCENARIO, found, analysis, last))[0]
            is not Verdict.inconclusive
        )

    variants = {name: Artifact(Path(name), "") for name in speeds}
    samples, analysis, last = sample(variants, SCENARIO, settings, decided, serve=serve)
    timing = Timing(job, SCENARIO, samples, analysis, last)
    return judge_reading(timing.job, bound, timing)[0], timing


def job_of(settings: MeasureSettings) -> Job:
    """As much of a job as judging a variant called `subject` needs."""
    return cast("Job", _Judge("subject", settings))


def time_bound(aggregate: str, seconds: float, confidence: float) -> Bound:
    limit = Quantity(seconds, UNITS["s"])
    return Bound("tpot", Operator.le, limit, aggregate, confidence=confidence)


def ratio_bound(aggregate: str, ratio: float, confidence: float) -> Bound:
    limit = Quantity(ratio * 100, UNITS["%"])
    return Bound("tpot", Operator.le, limit, aggregate, relative_to="reference", confidence=confidence)


@dataclass(frozen=True)
class _Judge:
    """As much of a job as judging served metrics asks for."""

    name: str
    settings: MeasureSettings
    bounds: tuple[Bound, ...] = ()

    def confidence(self, bound: Bound) -> float:
        return bound.confidence or self.settings.confidence
