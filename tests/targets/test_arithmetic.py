"""The peak that `mfu` is a share of: floats and integers each have theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.artifacts.model_spec import Served
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target, arithmetic, least_seconds
from infopt_compiler.targets.kernels import ROWS
from infopt_compiler.targets.roofline import prefill_parts

CPU = Target("cpu", 8e9, 20e9, 100e9, 0.1, 2, here=True)
QUERY = Scenario(prompt=64, batch=2)
DECODER = ModelSpec("L", "llama", 2, 64, 128, 4, 4, 16, 500, 512, tied=False)
ENCODER = replace(DECODER, model_type="bert")
INT4, INT8 = WeightFormat(4, 32), WeightFormat(8, 0)


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """Integers at four times the rate of floats."""
    asked = []

    def rate(cores):
        asked.append(cores)
        return 4 * CPU.flops

    monkeypatch.setattr(arithmetic, "find_target", lambda name: CPU)
    monkeypatch.setattr(arithmetic, "integer_rate", rate)
    return asked


def test_floats_are_measured_by_the_float_peak(rates):
    for spec in (DECODER, ENCODER, replace(DECODER, linear=INT4, head=INT4)):  # level 0 multiplies floats
        assert least_seconds(spec, CPU, QUERY) == pytest.approx(sum(prefill_parts(spec, QUERY)) / CPU.flops)
    assert rates == []


def test_integers_are_measured_by_theirs_and_attention_by_that_of_floats(rates):
    for spec in (
        replace(ENCODER, linear=INT8),
        replace(DECODER, linear=INT4, served=Served(level=4)),
    ):
        linears, attention, head = prefill_parts(spec, QUERY)
        found = least_seconds(spec, CPU, QUERY)
        assert found == pytest.approx((linears / 4 + attention + head) / CPU.flops)
        assert rates.pop() == CPU.cores


def test_the_rate_of_integers_is_not_known_of_a_machine_that_is_not_probed():
    spec = replace(ENCODER, linear=INT8)
    assert least_seconds(spec, replace(CPU, flops=50e9), QUERY) is None
    assert least_seconds(spec, replace(CPU, name="other"), QUERY) is None


def test_integers_are_at_least_as_fast_as_floats(monkeypatch):
    monkeypatch.setattr(arithmetic, "integer_rate", lambda cores: CPU.flops / 2)
    spec = replace(ENCODER, linear=INT8)
    assert least_seconds(spec, CPU, QUERY) == pytest.approx(sum(prefill_parts(spec, QUERY)) / CPU.flops)


def test_an_encoder_attends_both_ways():
    once, both = (prefill_parts(spec, QUERY)[1] for spec in (DECODER, ENCODER))
    assert both == 2 * once


def test_the_rate_is_that_of_the_best_number_of_rows(monkeypatch):
    monkeypatch.undo()
    seconds = [1.0] * (len(ROWS) - 1) + [0.5]
    monkeypatch.setattr(
        "infopt_compiler.targets.rates.kernel_rates", lambda kinds: dict.fromkeys(kinds, seconds)
    )
    arithmetic.integer_rate.cache_clear()
    assert arithmetic.integer_rate(2) == 2 * ROWS[-1] * 1536**2 / 0.5
    arithmetic.integer_rate.cache_clear()
