"""Blocks of a server scenario on a clock that only the server moves: ramp-up, length, and overload."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from infopt_compiler.budget import Verdict, judge
from infopt_compiler.measure.requests.estimate import (
    answered,
    estimate,
    estimate_rate,
    estimate_ratio,
    is_overloaded,
    open_ratio,
    open_slow_end,
)
from infopt_compiler.measure.serving import traffic
from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request
from infopt_compiler.measure.serving.serve import _counted
from infopt_compiler.measure.serving.traffic import LEAST_ARRIVALS, BlockPlan, plan_block
from infopt_compiler.scenario import Scenario, ScenarioMode
from tests.measure.test_evaluate import bound

TOKENS = 4


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Server:
    """A second of service for each request: a quarter for each token, or all of it for a forward pass."""

    def __init__(self, clock: _Clock) -> None:
        self.clock = clock

    def generate(self, ids, batch, tokens, max_length):
        for _ in range(tokens):
            self.clock.sleep(1 / TOKENS)
            yield

    def tokenize(self, texts):
        return {"input_ids": SimpleNamespace(shape=(1, 8))}

    def forward(self, inputs) -> None:
        self.clock.sleep(1.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    found = _Clock()
    monkeypatch.setattr(traffic, "_clock", found)
    monkeypatch.setattr(traffic, "time", SimpleNamespace(sleep=found.sleep))
    return found


def serve(clock: _Clock, rate: float, blocks: int, seed: int = 0, *, encoder: bool = False) -> BlockSamples:
    """Blocks whose requests take a second each, so `rate` is the load."""
    scenario = Scenario(prompt=8, generate=TOKENS, mode=ScenarioMode.server, rate=rate, concurrency=1)
    plan = plan_block(14, LEAST_ARRIVALS, rate, 1.0)
    found = []
    for number in range(blocks):
        done: list[Request] = []

        def run(got, number=seed + number):
            if encoder:
                return traffic.run_batches(_Server(clock), [["a"]] * plan.total, scenario, number, got)
            return traffic.run_traffic(
                _Server(clock), ["a"] * plan.total, lambda text: [1], scenario, number, got
            )

        wall, more = _counted(plan, scenario, seed + number, done.append, run)
        found.append(Block(tuple(done), wall, 0.1, 1, 1, queue=tuple(more["queue"])))
    return BlockSamples(tuple(found))


def test_a_block_is_long_enough_and_begins_with_what_does_not_count():
    assert plan_block(14, 0, 2.0, 1.0) == BlockPlan(0, 14)
    assert plan_block(14, 30, 0.5, 1.0) == BlockPlan(6, 30)
    assert plan_block(40, 30, 0.5, 1.0) == BlockPlan(8, 40)
    assert plan_block(14, 30, 5.0, 1.0) == BlockPlan(8, 40)  # eight times the second of service
    assert plan_block(14, 30, 100.0, 1.0) == BlockPlan(12, 60)


@pytest.mark.parametrize("encoder", [False, True])
def test_what_counts_is_timed_without_the_ramp_up(clock, encoder):
    (block,) = serve(clock, 0.5, 1, encoder=encoder).blocks
    planned = traffic.arrivals(36, 0.5, 0)
    assert [request.arrived for request in block.requests] == pytest.approx(planned[6:])
    end = max(request.arrived + request.latency for request in block.requests)
    assert block.wall == pytest.approx(end - planned[6])


@pytest.mark.parametrize("encoder", [False, True])
def test_more_than_a_server_can_is_overload(clock, encoder):
    samples = serve(clock, 1.5, 3, encoder=encoder)
    done, arrived = answered(samples)
    assert is_overloaded(samples) and arrived == 90 and 45 < done < 75
    assert not is_overloaded(serve(clock, 0.5, 3, encoder=encoder))


def test_a_busy_server_that_keeps_up_is_not_called_overloaded(clock):
    trials = [is_overloaded(serve(clock, 0.8, 4, seed=10 * k)) for k in range(40)]
    assert sum(trials) <= 4
    assert sum(is_overloaded(serve(clock, 1.3, 4, seed=10 * k)) for k in range(40)) >= 36


def test_in_overload_no_wait_is_met_and_what_is_missed_stays_missed(clock):
    samples = serve(clock, 1.5, 4)
    for text, verdict in (
        ("latency.p50 <= 60 s", Verdict.inconclusive),
        ("latency.p50 <= 1 s", Verdict.missed),
        ("tpot.p50 <= 1 s", Verdict.met),
    ):
        asked = bound(text)
        found = open_slow_end(estimate(samples, asked.metric, "p50", 0.95), samples, asked.metric)
        assert judge(asked, found, asked.limit.base) is verdict, text
        assert ("OVERLOADED" in (found.note or "")) is (asked.metric == "latency")
    good = open_slow_end(
        estimate_rate(samples, samples.good_rates({"latency": 100.0}), 0.95), samples, "goodput"
    )
    assert good.low == 0 and good.value > 0.5


def test_a_calm_server_is_judged_as_it_was(clock):
    samples = serve(clock, 0.5, 4)
    plain = estimate(samples, "latency", "p50", 0.95)
    assert open_slow_end(plain, samples, "latency") == plain and math.isfinite(plain.high)


def test_a_ratio_is_open_on_the_side_of_the_queue_that_grows(clock):
    calm, rush = serve(clock, 0.5, 4), serve(clock, 1.5, 4)
    up = open_ratio(estimate_ratio(rush, calm, "latency", "p50", 0.95), rush, calm, "latency")
    down = open_ratio(estimate_ratio(calm, rush, "latency", "p50", 0.95), calm, rush, "latency")
    assert math.isinf(up.high) and up.low > 0 and "subject" in up.note
    assert down.low == 0 and math.isfinite(down.high) and "reference" in down.note
