"""Points of the roofline: operations of each phase, and the peak of the arithmetic that an artifact computes in."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.measure.requests import breakdown
from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request
from infopt_compiler.targets import Target, arithmetic

CPU = Target("cpu", 8e9, 20e9, 100e9, 0.1, 2, here=True)
DECODER = ModelSpec("L", "llama", 2, 64, 128, 4, 4, 16, 500, 512, tied=False)
ENCODER = replace(DECODER, model_type="bert", linear=WeightFormat(8, 0))


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """Integers at four times the rate of floats."""
    monkeypatch.setattr(arithmetic, "find_target", lambda name: CPU)
    monkeypatch.setattr(arithmetic, "integer_rate", lambda cores: 4 * CPU.flops)


def found(monkeypatch, spec: ModelSpec, gaps: tuple[float, ...]) -> dict[str, Any]:
    request = Request(0.02, 0.01, 0.02 + sum(gaps), gaps, 32, forward=0.0 if gaps else 0.02)
    samples = BlockSamples((Block((request,), 1.0, 0.1, 1, 1),) * 2)
    monkeypatch.setattr(breakdown, "spec_of", lambda job, name: spec)
    return breakdown.roofline(cast("Any", SimpleNamespace(target=CPU)), {"best": samples})


def test_a_decoder_in_floats_has_the_float_roof_and_reads_its_cache(monkeypatch):
    prefill, decode = found(monkeypatch, DECODER, (0.004, 0.004))["points"]
    assert (prefill["phase"], decode["phase"]) == ("prefill", "decode")
    assert prefill["peak"] == decode["peak"] == CPU.flops
    assert prefill["flop"] > 2 * DECODER.linear_parameters * 32
    assert decode["bytes"] > prefill["bytes"] == DECODER.bytes_per_token
    assert decode["flop"] < prefill["flop"] and decode["seconds"] == pytest.approx(0.004)


def test_integers_have_a_roof_of_their_own(monkeypatch):
    (forward,) = found(monkeypatch, ENCODER, ())["points"]
    attention = 4.0 * ENCODER.layers * ENCODER.hidden * 32**2
    linears = 2.0 * ENCODER.linear_parameters * 32
    assert forward["flop"] == pytest.approx(linears + attention)
    least = (linears / 4 + attention) / CPU.flops  # attention multiplies floats
    assert forward["peak"] == pytest.approx(forward["flop"] / least, rel=1e-5)
    assert CPU.flops < forward["peak"] < 4 * CPU.flops


def test_where_the_rate_of_integers_is_not_known_the_roof_is_that_of_floats(monkeypatch):
    monkeypatch.setattr(arithmetic, "integer_rate", lambda cores: None)
    assert found(monkeypatch, ENCODER, ())["points"][0]["peak"] == CPU.flops
