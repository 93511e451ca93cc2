"""How requests meet a server: queues, turns, held lengths, goodput."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict

import pytest

from infopt_compiler.measure.serving.latency import run_block
from infopt_compiler.measure.serving.prompts import read_prompts
from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request
from infopt_compiler.measure.serving.traffic import arrivals, run_traffic
from infopt_compiler.scenario import Scenario, ScenarioMode


def test_arrivals_are_poisson_and_repeat():
    times = arrivals(4000, 5.0, seed=1)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert statistics.fmean(gaps) == pytest.approx(0.2, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.2, rel=0.1)  # exponential: as wide as its mean
    assert times == arrivals(4000, 5.0, seed=1) != arrivals(4000, 5.0, seed=2)


class _Steady:
    """A clockwork server: every token takes `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.begun = seconds, 0

    def generate(self, ids, batch, tokens, max_length):
        self.begun += 1
        for _ in range(tokens):
            time.sleep(self.seconds)
            yield


def _serve(rate: float, concurrency: int, count: int = 12) -> list[Request]:
    scenario = Scenario(prompt=4, generate=4, mode=ScenarioMode.server, rate=rate, concurrency=concurrency)
    done: list[Request] = []
    run_traffic(_Steady(0.004), ["a"] * count, lambda text: [1, 2], scenario, 3, done.append)
    return done


def test_above_its_capacity_a_server_queues_and_the_queue_counts():
    calm, rush = _serve(rate=8.0, concurrency=1), _serve(rate=1000.0, concurrency=1)
    assert statistics.median(r.queued for r in rush) > 0.04
    assert statistics.median(r.ttft for r in rush) > 3 * statistics.median(r.ttft for r in calm)
    assert all(r.ttft >= r.queued and r.latency >= r.ttft for r in rush)


def test_requests_in_flight_take_turns():
    alone, shared = _serve(rate=1000.0, concurrency=1), _serve(rate=1000.0, concurrency=4)
    assert statistics.median(r.tpot for r in shared) > 2.5 * statistics.median(r.tpot for r in alone)
    assert all(len(r.gaps) == 3 for r in shared)


@pytest.mark.parametrize("mode", list(ScenarioMode))
def test_every_mode_serves_a_real_artifact_and_holds_the_output_length(world, mode):
    scenario = Scenario("s", prompt=30, generate=8, mode=mode, rate=50.0, concurrency=2)
    block, environment = run_block(world.onnx, scenario, 5, 1, 0)
    assert [request.output_tokens for request in block.requests] == [8] * 5
    assert environment["output_tokens"].startswith("held")
    if mode is ScenarioMode.offline:  # all are there from the start
        assert [r.arrived for r in block.requests] == [0.0] * 5
        assert block.requests[-1].queued > block.requests[0].latency


def test_a_judged_block_of_a_server_is_long_and_knows_its_queue(world):
    scenario = Scenario("s", prompt=30, generate=4, mode=ScenarioMode.server, rate=200.0, concurrency=2)
    block, environment = run_block(world.onnx, scenario, 5, 1, 0, arrivals=30)
    assert 30 <= len(block.requests) <= 60 and environment["ramp_up_requests"] >= 6
    assert block.queue is not None and Block.from_json(asdict(block)) == block


def test_prompts_of_data_keep_their_lengths(world):
    scenario = Scenario("s", prompt=40, generate=4, prompts="text")
    block, _ = run_block(world.onnx, scenario, 6, 1, 0, world.text.path)
    lengths = [request.prompt_tokens for request in block.requests]
    assert max(lengths) <= 40 and len(set(lengths)) > 1


def test_prompts_are_cut_to_the_longest_that_is_allowed(world):
    texts = read_prompts(world.text.path, lambda text: list(text.encode()), 50, 20, seed=4)
    assert texts == read_prompts(world.text.path, lambda text: list(text.encode()), 50, 20, seed=4)
    assert len(texts) == 20 and all(0 < len(text.encode()) <= 50 for text in texts)
    assert read_prompts(world.text.path, lambda text: [0] * 60, 50, 20, seed=4) is None


def test_goodput_counts_the_requests_that_stay_within_every_limit():
    fast = Request(ttft=0.1, prefill=0.1, latency=0.5, gaps=(0.1,) * 4, prompt_tokens=8)
    late = Request(ttft=0.9, prefill=0.1, latency=1.3, gaps=(0.1,) * 4, prompt_tokens=8)
    jerky = Request(ttft=0.1, prefill=0.1, latency=0.8, gaps=(0.1, 0.4, 0.1, 0.1), prompt_tokens=8)
    samples = BlockSamples((Block((fast, late, jerky, fast), wall=2.0, load=0.1, peak=1, steady=1),))
    assert samples.good_rates({"ttft": 0.2}) == [[1.5]]
    assert samples.good_rates({"ttft": 0.2, "itl": 0.2}) == [[1.0]]
    assert samples.good_rates({"latency": 0.1}) == [[0.0]]
