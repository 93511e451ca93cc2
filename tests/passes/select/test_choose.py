"""The choice among measured candidates."""

from __future__ import annotations

import pytest

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.select import Prefer
from infopt_compiler.passes.select.choose import Candidate, Gain, choose
from infopt_compiler.passes.select.fit import fits, required_bytes
from tests.passes.select.context import HERE


def candidate(label: str, size: int, bits_per_byte: float, per_token: int | None = None) -> Candidate:
    return Candidate(label, size, per_token or size, size, {"bits_per_byte": bits_per_byte})


def gains(width: float):
    """Gains with a known half width."""

    def gain(current: Candidate, other: Candidate) -> Gain:
        value = 1 - other.values["bits_per_byte"] / current.values["bits_per_byte"]
        return Gain(value, value - width, value + width)

    return gain


SMALL, MIDDLE, LARGE = candidate("small", 1, 1.00), candidate("middle", 2, 0.97), candidate("large", 3, 0.80)


def test_a_larger_one_is_taken_only_for_a_gain_that_is_sure():
    assert choose([LARGE, MIDDLE, SMALL], Prefer.smallest, gains(0.005), 0.02).candidate == LARGE
    assert choose([MIDDLE, SMALL], Prefer.smallest, gains(0.02), 0.02).candidate == SMALL
    assert choose([LARGE, SMALL], Prefer.smallest, gains(0.25), 0.02).candidate == SMALL


def test_steps_tell_each_comparison():
    choice = choose([SMALL, MIDDLE, LARGE], Prefer.smallest, gains(0.02), 0.02)
    assert [(step.kept, step.against, step.taken) for step in choice.steps] == [
        ("small", "middle", False),
        ("small", "large", True),
    ]
    assert "significant" in choice.reason


def test_best_takes_the_cheapest_that_is_as_good():
    assert choose([SMALL, MIDDLE, LARGE], Prefer.best, gains(0.01), 0.02).candidate == LARGE
    near = candidate("near", 2, 0.802)
    assert choose([SMALL, near, LARGE], Prefer.best, gains(0.01), 0.02).candidate == near


def test_fastest_goes_by_bytes_per_token():
    sparse = candidate("sparse", 5, 1.0, per_token=1)
    dense = candidate("dense", 2, 1.0, per_token=2)
    assert choose([dense, sparse], Prefer.fastest, gains(0.01), 0.02).candidate == sparse
    assert choose([dense, sparse], Prefer.smallest, gains(0.01), 0.02).candidate == dense


@pytest.mark.parametrize(("bits", "expected"), [(32, 1), (16, 0.5), (4, 0.125)])
def test_memory_counts_weights_cache_and_runtime(bits, expected):
    spec = ModelSpec("LlamaForCausalLM", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, tied=True)
    weights = spec.parameters * 4 * expected
    cache = 2 * 30 * 3 * 64 * 2048 * (4 if bits == 32 else 2)
    needed = required_bytes(spec, HERE, bits=bits, context=2048)
    assert needed == pytest.approx(weights + cache + HERE.runtime_bytes)
    assert fits(spec, HERE, bits=bits, context=2048)
