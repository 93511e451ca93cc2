from __future__ import annotations

import shutil

import pytest

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.serving.latency import compare, run_block, sample
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.scenario import Scenario
from tests.measure.conftest import World

SCENARIO = Scenario("small", prompt=40, generate=12)


def test_a_block_serves_what_the_scenario_says(world: World) -> None:
    block, environment = run_block(world.onnx, SCENARIO, 4, 1, 0)
    assert len(block.requests) == 4
    for request in block.requests:
        assert request.prompt_tokens == 40
        assert (
            request.output_tokens == 12
        )  # a random model ends a request early in one of a few hundred tokens
        assert 0 < request.prefill < request.ttft < request.latency
    assert block.peak >= block.steady > 10e6
    assert block.wall >= sum(request.latency for request in block.requests)
    assert environment["runtime"] == "onnxruntime-genai"
    assert environment["chat_template"]


def test_a_batch_counts_all_its_sequences(world: World) -> None:
    block, _ = run_block(world.onnx, Scenario("batch", prompt=30, generate=8, batch=3), 2, 1, 0)
    assert block.tokens_out == 2 * 3 * 8
    assert block.tokens_in == 2 * 3 * 30


@pytest.mark.slow
def test_a_hugging_face_folder_is_served_too(world: World) -> None:
    block, environment = run_block(world.base, SCENARIO, 2, 1, 0)
    assert environment["runtime"] == "transformers"
    assert [request.output_tokens for request in block.requests] == [12, 12]


def test_compare_interleaves(world: World) -> None:
    told: list[str] = []
    variants = {"a": world.onnx, "b": world.onnx}
    found = compare(
        variants, SCENARIO, rounds=2, requests=2, progress=lambda done, total, text: told.append(text)
    )
    assert told == ["serving a", "serving b", "serving b", "serving a"]
    assert {name: len(samples.blocks) for name, samples in found.items()} == {"a": 2, "b": 2}


def test_sampling_stops_when_all_is_decided(world: World) -> None:
    settings = MeasureSettings("test", seconds=300, min_blocks=2, requests=2, warmup=0)
    analyses: list[tuple[int, int]] = []

    def decided(found, analysis: int, last: bool) -> bool:
        analyses.append((analysis, len(found["a"].blocks)))
        return analysis == 2

    _, analysis, last = sample({"a": world.onnx}, SCENARIO, settings, decided)
    assert (analysis, last) == (2, False)
    assert analyses == [(1, 2), (2, 4)]


def test_the_clock_ends_the_sampling_with_two_blocks(world: World) -> None:
    settings = MeasureSettings("test", seconds=0.1, min_blocks=6, requests=2, warmup=0)
    found, analysis, last = sample({"a": world.onnx}, SCENARIO, settings, lambda *_: False)
    assert (len(found["a"].blocks), analysis, last) == (2, 1, True)


def test_an_artifact_that_does_not_open_is_a_diagnostic(world: World, tmp_path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(world.onnx.path, broken)
    (broken / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(DiagnosticError) as caught:
        run_block(OnnxModel(broken, ""), SCENARIO, 1, 0, 0)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0902"
    assert diagnostic.notes[0].message


def test_a_folder_that_nothing_serves_is_a_diagnostic(tmp_path) -> None:
    with pytest.raises(DiagnosticError) as caught:
        run_block(OnnxModel(tmp_path, ""), SCENARIO, 1, 0, 0)
    assert caught.value.diagnostics[0].code == "E0904"
