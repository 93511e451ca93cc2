from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.metrics import METRICS, Direction
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import TARGETS, Target, floor, predict

SMOLLM2 = ModelSpec("LlamaForCausalLM", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, True)
INT4 = SMOLLM2.with_format(*[WeightFormat(4, 32)] * 3)
BOX = Target("lab", 24 * 2**30, 35e9, 132e9, 0.1, 2, here=True)
SCENARIO = Scenario()


def test_the_lab_s_figures_are_predicted_within_a_factor_of_two() -> None:
    """Measured: int4 at two threads 144-160 tok/s, ttft 290 ms, 86 MB; fp32 48 tok/s, 519 MB."""
    small, full = predict(INT4, BOX, SCENARIO), predict(SMOLLM2, BOX, SCENARIO)
    assert small["decode.p50"].value == pytest.approx(150, rel=0.5)
    assert full["decode.p50"].value == pytest.approx(48, rel=0.5)
    assert small["ttft.p50"].value == pytest.approx(0.29, rel=0.6)
    assert small["size"].value == pytest.approx(86e6, rel=0.1)
    assert full["size"].value == pytest.approx(538e6, rel=0.05)


def test_arithmetic_is_told() -> None:
    assert "GB/s" in predict(INT4, BOX, SCENARIO)["tpot.p50"].arithmetic


@given(
    bits=st.sampled_from([4, 8, 32]),
    batch=st.integers(1, 8),
    prompt=st.integers(1, 2000),
    generate=st.integers(2, 500),
    name=st.sampled_from(sorted(set(TARGETS) - {"cpu"})),
)
def test_no_prediction_beats_its_floor(bits: int, batch: int, prompt: int, generate: int, name: str) -> None:
    spec = SMOLLM2.with_format(*[WeightFormat(bits, 32)] * 3)
    scenario = Scenario(prompt=prompt, generate=generate, batch=batch)
    predicted, floors = predict(spec, TARGETS[name], scenario), floor(spec, TARGETS[name], scenario)
    for metric, bound in floors.items():
        lower = (
            METRICS[metric if metric in METRICS else metric.rpartition(".")[0]].direction is Direction.lower
        )
        value = predicted[metric].value
        assert predicted[metric].low <= value <= predicted[metric].high
        assert value >= bound if lower else value <= bound, metric


def test_weights_that_fit_the_cache_prove_nothing_of_speed() -> None:
    small = replace(SMOLLM2, layers=1, vocabulary=256)
    assert floor(small, BOX, SCENARIO)["tpot.p50"] == 0.0
    assert "throughput" not in floor(small, BOX, SCENARIO)


def test_fp32_at_a_millisecond_a_token_is_out_of_reach() -> None:
    assert floor(SMOLLM2, BOX, SCENARIO)["tpot.p50"] > 0.005


def test_a_disturbed_probe_proves_less() -> None:
    """On a busy machine 5.6 GB/s were probed where 48 are: a bound that the machine can meet must not be refused."""
    quiet = BOX
    busy = replace(quiet, disturbed=True)
    least = {target.disturbed: floor(SMOLLM2, target, SCENARIO)["tpot.p50"] for target in (quiet, busy)}
    assert least[False] == pytest.approx(least[True] * 10 / 1.3)


def test_prompts_from_data_may_be_short() -> None:
    """Texts of up to `prompt` tokens: only one token is sure, so a long `prompt` rules nothing out."""
    fixed, texts = (Scenario(prompt=2048, prompts=name) for name in (None, "texts"))
    assert floor(INT4, BOX, texts)["ttft.p50"] < floor(INT4, BOX, fixed)["ttft.p50"] / 10


def test_a_decoder_that_only_reads_has_no_rate() -> None:
    found = predict(INT4, BOX, Scenario(generate=0))
    assert "ttft.p50" in found and "throughput" not in found


def test_kernels_that_nobody_timed_leave_the_roofline() -> None:
    """A plan times the kernels of models under a bound on time; a budget of the size alone predicts all the same."""
    assert predict(INT4, BOX, SCENARIO, {}) == predict(INT4, BOX, SCENARIO)
