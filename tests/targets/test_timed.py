from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from onnx import numpy_helper

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.artifacts.model_spec import TUNED, Served
from infopt_compiler.scenario import Scenario
from infopt_compiler.targets import Target, kernels_of, predict
from infopt_compiler.targets import rates as module
from infopt_compiler.targets.layers import BATCHES, KEYS
from infopt_compiler.targets.probe_graph import Graph
from infopt_compiler.targets.rates import kernel_rates
from infopt_compiler.targets.timed import cache_seconds, step_seconds

TINY = ModelSpec("LlamaForCausalLM", "llama", 2, 64, 128, 4, 2, 16, 512, 256, True)
INT4 = TINY.with_format(*[WeightFormat(4, 32)] * 3)
ENCODER = ModelSpec("BertModel", "bert", 2, 64, 128, 4, 4, 16, 512, 256, False)
HERE = Target("cpu", 24 * 2**30, 35e9, 132e9, 0.1, 2, here=True)


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    kinds = {kind for spec in (INT4, ENCODER) for kind in kernels_of(spec, HERE)}
    return kernel_rates(sorted(kinds), tmp_path_factory.mktemp("cache"))


def test_kernels_are_those_of_the_artifact_and_its_threads() -> None:
    kinds = list(kernels_of(INT4, HERE))
    # queries, keys and values joined; the runtime takes half of the cores
    assert kinds == ["decoder/nbits:4:32:0/64:128:4:2:16:2@1", "gqa:4:2:16@1", "nbits:4:32:0:64:512:8@1"]
    tuned = kernels_of(replace(INT4, served=TUNED), HERE)
    assert tuned.layer == "decoder/nbits:4:32:4/64:128:4:2:16:2@2"
    assert len(tuned.heads) == 2  # `tune` takes the faster of two accuracy levels
    assert kernels_of(ENCODER, HERE).heads == ()
    assert kernels_of(TINY, HERE).layer.startswith("decoder/float32/")


def test_more_work_takes_longer(rates) -> None:
    def tpot(**scenario) -> float:
        return predict(INT4, HERE, Scenario(**scenario), rates)["tpot.p50"].value

    short = predict(INT4, HERE, Scenario(prompt=16), rates)["ttft.p50"]
    long = predict(INT4, HERE, Scenario(prompt=200), rates)["ttft.p50"]
    assert 0 < short.low < short.value < long.value < long.high
    assert "timed here" in short.arithmetic
    assert tpot(batch=8) > tpot(batch=1) > 0
    assert predict(ENCODER, HERE, Scenario(prompt=64, batch=8), rates)["samples"].value > 0


def test_a_head_that_sees_the_last_position_only_is_faster_and_smaller(rates) -> None:
    whole, pruned = (
        predict(replace(INT4, served=Served(pruned=pruned)), HERE, Scenario(prompt=200), rates)
        for pruned in (False, True)
    )
    assert pruned["ttft.p50"].value < whole["ttft.p50"].value
    assert pruned["memory.peak"].value < whole["memory.peak"].value
    assert pruned["tpot.p50"] == whole["tpot.p50"]


def test_texts_in_a_batch_attend_to_themselves_only(rates) -> None:
    """Eight texts of 128 tokens cost less than one of 1024, and more than one of 128."""

    def forward(**scenario: int) -> float:
        return predict(ENCODER, HERE, Scenario(generate=0, **scenario), rates)["forward.p50"].value

    assert forward(prompt=128) < forward(prompt=128, batch=8) < forward(prompt=1024)
    found = predict(ENCODER, HERE, Scenario(prompt=128, generate=0), rates)
    assert found["latency.p50"].value > found["forward.p50"].value  # the tokenizer


def test_rates_are_measured_once_and_only_what_is_missing(tmp_path: Path, monkeypatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(
        module, "measure_kernels", lambda kinds: asked.append(kinds) or ({kind: [1.0] for kind in kinds}, 0.0)
    )
    assert kernel_rates(["a", "b"], tmp_path) == {"a": [1.0], "b": [1.0]}
    assert kernel_rates(["b", "c"], tmp_path) == {"b": [1.0], "c": [1.0]}
    assert asked == [["a", "b"], ["c"]]


def test_what_was_timed_on_a_busy_machine_is_timed_again(tmp_path: Path, monkeypatch) -> None:
    shares, clock = iter([0.5, 0.0]), iter([0.0, 60.0, 700.0, 9000.0])
    asked: list[list[str]] = []
    monkeypatch.setattr(module.time, "time", lambda: next(clock))
    monkeypatch.setattr(
        module,
        "measure_kernels",
        lambda kinds: asked.append(kinds) or (dict.fromkeys(kinds, len(asked)), next(shares)),
    )
    found = [kernel_rates(["a"], tmp_path)["a"] for _ in range(4)]
    assert found == [1, 1, 2, 2]  # soon after it is taken as it is


def test_a_kernel_that_fails_is_said() -> None:
    with pytest.raises(RuntimeError, match="timing the kernels"):
        module.measure_kernels(["nothing:64:64:8@1"])


def test_a_long_context_is_set_up_before_the_first_token(rates) -> None:
    def ttft(context: int) -> float:
        return predict(INT4, HERE, Scenario(prompt=16, context=context), rates)["ttft.p50"].value

    assert cache_seconds(20e6) == 0 and cache_seconds(94.4e6) == pytest.approx(31e-3, rel=0.05)
    size = INT4.kv_bytes(1 << 18, 4)
    assert size > 20e6
    assert ttft(1 << 18) - ttft(64) == pytest.approx(cache_seconds(size))


def test_a_step_lies_between_those_of_the_batches_that_were_timed(rates) -> None:
    layer = rates[kernels_of(INT4, HERE).layer]["step"]
    assert [len(row) for row in layer] == [len(KEYS)] * len(BATCHES)
    steps = [step_seconds(INT4, HERE, {**rates, kernels_of(INT4, HERE).layer: {"step": [[1.0, 1.0], [2.0, 2.0], [6.0, 6.0]]}}, 32, batch) for batch in (1, 2, 3, 4, 6)]  # fmt: skip
    assert [round(step / INT4.layers) for step in steps] == [1, 2, 4, 6, 10]


def test_weights_of_a_float_layer_are_about_as_large_as_trained_ones() -> None:
    """Attention between large numbers is a lookup; what is left of its weights is denormal, and slow to multiply."""
    graph = Graph()
    graph.product("float32", "x", 384, 64)
    weights = numpy_helper.to_array(graph._values[0])
    assert abs(weights.mean()) < 0.01 and weights.std() == pytest.approx(384**-0.5, rel=0.05)
