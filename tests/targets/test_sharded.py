"""The analytic model of clusters: bytes as the layout cuts them, and times that move the way they must."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.artifacts.mesh import Coordinate, Mesh
from infopt_compiler.passes.shard.layout import ShardLayout
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.targets import predict
from infopt_compiler.targets.cluster import Cluster, Link
from infopt_compiler.targets.clusters import CLUSTERS
from infopt_compiler.targets.sharded import Load, price, rates_of
from infopt_compiler.targets.sharded_memory import rank_weights, stages_of
from infopt_compiler.targets.sharded_predict import load_of
from infopt_compiler.targets.sharded_stage import Step, stage_seconds
from tests.passes.shard.models import LLAMA_70B, MIXTURE, SMOLLM2, quantized

P5, TWO_P5, G5 = CLUSTERS["p5_48xlarge"], CLUSTERS["p5_48xlarge_x2"], CLUSTERS["g5_48xlarge"]
HALF = WeightFormat(16)
BF16 = replace(LLAMA_70B.with_format(HALF, HALF, HALF), float_bytes=2)
CHAT = Load(2048, 256, 64, joining=True)
SMOLLM2_TWO = replace(SMOLLM2, heads=8, kv_heads=2, head_dim=72)
SMOLLM2_HALF = replace(SMOLLM2_TWO.with_format(HALF, HALF, HALF), float_bytes=2)


@pytest.mark.parametrize(
    ("spec", "mesh"),
    [
        (SMOLLM2, Mesh(tensor=3)),
        (SMOLLM2, Mesh(tensor=3, pipeline=4, data=2)),
        (replace(SMOLLM2, vocabulary=100, tied=False), Mesh(tensor=3, pipeline=2)),
        (quantized(SMOLLM2), Mesh(tensor=3)),
        (quantized(SMOLLM2, symmetric=False), Mesh(tensor=3, pipeline=3)),
        (replace(SMOLLM2, attention_bias=True, model_type="qwen2"), Mesh(pipeline=2)),
        (replace(SMOLLM2, model_type="qwen3"), Mesh(tensor=3)),
        (MIXTURE, Mesh(tensor=2, pipeline=2, experts=2)),
        (MIXTURE, Mesh(tensor=2)),
        (replace(BF16, layers=6), Mesh(tensor=8, pipeline=3)),
    ],
)
def test_bytes_of_ranks_are_those_of_the_layout(spec: ModelSpec, mesh: Mesh) -> None:
    layout = ShardLayout.of_spec(spec, mesh)
    assert tuple(map(len, layout.stages)) == stages_of(spec, mesh.pipeline)
    for tensor in range(mesh.tensor):
        found = tuple(
            layout.bytes_of(Coordinate(pipeline=stage, tensor=tensor)) for stage in range(mesh.pipeline)
        )
        assert found == rank_weights(spec, mesh)


def test_what_does_not_fit_has_no_price():
    assert price(BF16, P5, Mesh(), CHAT) is None
    assert price(BF16, P5, Mesh(tensor=8), CHAT) is not None
    assert price(BF16, G5, Mesh(tensor=8), Load(2048, 256, 4096)) is None


def test_processes_of_this_machine_compute_in_float32_whatever_they_store() -> None:
    here = replace(P5, here=True, cores=2)
    half, whole = (price(spec, here, Mesh(tensor=2), Load(512, 64)) for spec in (SMOLLM2_HALF, SMOLLM2_TWO))
    assert half.memory.cache == whole.memory.cache and half.memory.activations == whole.memory.activations
    assert half.memory.weights == whole.memory.weights / 2
    there = price(SMOLLM2_HALF, P5, Mesh(tensor=2), Load(512, 64))
    assert there.memory.cache == half.memory.cache / 2


def test_each_rank_of_a_tensor_group_hands_on_the_whole_stream() -> None:
    """As the runtime does: what goes from stage to stage is not divided by the tensor degree."""
    slow, fast = Link(1e9, 0, 0), Link(1e30, 0, 0)
    mesh = Mesh(tensor=8, pipeline=2)
    rates = replace(rates_of(BF16, TWO_P5, mesh), cluster=Cluster(2, 8, fast, slow))
    for stage in stage_seconds(BF16, mesh, rates, Step(prompt_tokens=100, prompt=100)):
        expected = 100 * BF16.hidden * 2 / (1e9 * rates.efficiency.link)
        assert stage.exchange == pytest.approx(expected)


def test_a_single_request_gains_nothing_from_a_pipeline():
    alone = price(BF16, P5, Mesh(tensor=4), Load(512, 64))
    staged = price(BF16, P5, Mesh(tensor=4, pipeline=2), Load(512, 64))
    assert staged.tpot >= alone.tpot * 0.99
    assert staged.bubble == pytest.approx(0.5, abs=0.02)


def test_the_bubble_of_prompts_is_that_of_gpipe():
    """(p-1)/(m+p-1) with equal stages."""
    even = replace(BF16, vocabulary=8)
    found = price(even, P5, Mesh(tensor=2, pipeline=4), Load(512, 1, 32))
    assert found.bubble == pytest.approx(3 / (4 + 3), abs=0.01)


def test_tensor_ranks_inside_a_machine_are_faster_than_across():
    wide = replace(BF16, kv_heads=64)
    inside = price(wide, TWO_P5, Mesh(tensor=8), Load(512, 64, 16))
    across = price(wide, TWO_P5, Mesh(tensor=16), Load(512, 64, 16))
    assert across.exchange > 2 * inside.exchange


def test_copies_serve_their_own_requests():
    one = price(BF16, P5, Mesh(tensor=4), replace(CHAT, batch=32))
    two = price(BF16, P5, Mesh(tensor=4, data=2), CHAT)
    assert two.throughput == pytest.approx(2 * one.throughput)
    idle = price(BF16, P5, Mesh(tensor=4, data=2), Load(512, 64, 1))
    assert idle.throughput == pytest.approx(price(BF16, P5, Mesh(tensor=4), Load(512, 64, 1)).throughput)


def test_memory_bounds_the_batch():
    few = price(BF16, P5, Mesh(tensor=4), Load(20_000, 2000, None, joining=True))
    many = price(BF16, P5, Mesh(tensor=8), Load(20_000, 2000, None, joining=True))
    assert many.batch > 2 * few.batch
    assert few.memory.total <= P5.memory_bytes


def test_sequence_ranks_shorten_prompts_not_tokens():
    long = Load(65_536, 64, 1)
    one = price(BF16, P5, Mesh(tensor=4), long)
    two = price(BF16, P5, Mesh(tensor=4, sequence=2), long)
    assert two.ttft < 0.6 * one.ttft
    assert two.tpot < one.tpot, "each holds half of the keys and values"
    short = [price(BF16, P5, Mesh(tensor=4, sequence=n), Load(128, 64, 1)).tpot for n in (1, 2)]
    assert short[1] > short[0], "merging costs more than it saves"


def test_a_mixture_reads_the_experts_that_are_taken():
    big = replace(MIXTURE, hidden=4096, intermediate=4096, heads=32, kv_heads=8, head_dim=128)
    one = price(big, P5, Mesh(), Load(128, 64, 1))
    many = price(big, P5, Mesh(), Load(128, 64, 64))
    dense = 64 * one.tpot
    assert one.tpot < many.tpot < dense


def test_scenarios_become_loads():
    assert load_of(Scenario(prompt=10, generate=5, batch=3)) == Load(10, 5, 3)
    offline = load_of(Scenario(prompt=10, generate=5, mode=ScenarioMode.offline))
    assert offline == Load(10, 5, None, joining=True)
    server = load_of(Scenario(prompt=10, generate=5, mode=ScenarioMode.server, rate=1, concurrency=7))
    assert server == Load(10, 5, 7, joining=True)
    assert load_of(Scenario(prompt=10, generate=5, context=100)).prompt == 95


def test_bounds_of_a_sharded_model_are_predicted_by_it():
    spec = replace(BF16, mesh=Mesh(tensor=8))
    found = predict(spec, P5, Scenario(prompt=2048, generate=256, batch=8))
    assert found["tpot.p50"].value == price(BF16, P5, Mesh(tensor=8), Load(2048, 256, 8)).tpot
    assert found["memory.peak"].value < 80e9
    assert found["size"].value > 140e9
