"""What the planner takes: tensor ranks inside NVLink, stages across machines, stages without NVLink; and why not the rest."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from infopt_compiler.artifacts import WeightFormat
from infopt_compiler.artifacts.mesh import Mesh
from infopt_compiler.passes.shard.planner import make_plan
from infopt_compiler.passes.shard.planner.choose import Prefer
from infopt_compiler.passes.shard.planner.outline import outline
from infopt_compiler.passes.shard.planner.reasons import reasons
from infopt_compiler.passes.shard.planner.requirement import parse_wanted
from infopt_compiler.targets import TARGETS
from infopt_compiler.targets.clusters import CLUSTERS
from infopt_compiler.targets.sharded import Load
from tests.passes.shard.models import LLAMA_70B, MIXTURE, SMOLLM2

HALF, FOUR = WeightFormat(16), WeightFormat(4, 64)
BF16 = replace(LLAMA_70B.with_format(HALF, HALF, HALF), float_bytes=2)
W4 = replace(LLAMA_70B.with_format(FOUR, HALF, HALF), float_bytes=2)
AUTO = dict.fromkeys(Mesh().to_json(), 0)
CHAT = Load(2048, 256, 64, joining=True)


def plan(target, load=CHAT, prefer=Prefer.latency, spec=BF16, wanted=(), **degrees):
    return make_plan(
        spec, CLUSTERS[target], load, {**AUTO, **degrees}, prefer, [parse_wanted(one) for one in wanted]
    )


def test_one_machine_takes_tensor_ranks_behind_nvlink():
    found = plan("p5_48xlarge")
    assert found.chosen.mesh.tensor >= 4 and found.chosen.mesh.pipeline == 1
    assert any("inside a machine, over NVLink" in line for line in reasons(found, BF16))


def test_one_copy_over_two_machines_is_a_pipeline_across():
    found = plan("p5_48xlarge_x2", data=1)
    assert found.chosen.mesh == Mesh(tensor=8, pipeline=2)
    assert any("pipeline 2 across machines, over EFA" in line for line in reasons(found, BF16))
    assert any(one.what == "tensor 16" and "8 KV heads" in one.why for one in found.refused)


def test_a_wide_tensor_group_across_machines_loses():
    many_heads = replace(BF16, kv_heads=64)
    found = plan("p5_48xlarge_x2", data=1, spec=many_heads)
    ranked = [row.mesh for row in found.rows]
    assert ranked.index(Mesh(tensor=8, pipeline=2)) < ranked.index(Mesh(tensor=16))


def test_without_nvlink_stages_pay():
    found = plan("g5_48xlarge", Load(128, 512, 256, joining=True), Prefer.throughput, W4)
    assert found.chosen.mesh.pipeline > 1
    by_mesh = {row.mesh: row.price.throughput for row in found.rows}
    assert by_mesh[Mesh(pipeline=8)] > by_mesh[Mesh(tensor=8)]
    behind_nvlink = plan("p5_48xlarge", CHAT, Prefer.latency, W4)
    latency = {row.mesh: row.price.latency for row in behind_nvlink.rows}
    assert latency[Mesh(tensor=8)] < latency[Mesh(pipeline=8)]


def test_requirements_come_before_the_ranking():
    free = plan("p5_48xlarge", prefer=Prefer.throughput)
    assert free.chosen.price.ttft > 0.2
    quick = plan("p5_48xlarge", prefer=Prefer.throughput, wanted=["ttft.p50 <= 200 ms"])
    assert quick.chosen.price.ttft <= 0.2 and not quick.chosen.missed
    assert quick.rows[-1].missed == ("ttft.p50 <= 200 ms",)
    never = plan("p5_48xlarge", wanted=["tpot.p50 <= 1 ms"])
    assert "no combination meets tpot.p50 <= 1 ms" in reasons(never, BF16)[-1]


def test_per_device_takes_fewer_devices():
    assert plan("p5_48xlarge", prefer=Prefer.per_device).chosen.mesh.world < 8


def test_what_does_not_fit_is_refused_with_its_bytes():
    found = plan("g5_48xlarge", Load(2048, 256, 1024, joining=True))
    assert found.chosen is None
    assert all("on a device of 24 GB" in one.why for one in found.refused)


def test_given_degrees_stay_and_impossible_ones_are_said():
    assert {row.mesh.tensor for row in plan("p5_48xlarge", tensor=2).rows} == {2}
    wrong = plan("p5_48xlarge", tensor=3)
    assert not wrong.rows and "degree 3 does not divide" in wrong.refused[0].why


def test_long_prompts_may_divide_their_positions():
    long = Load(65_536, 64, 1)
    assert any(row.mesh.sequence > 1 for row in plan("p5_48xlarge", long).rows)
    assert not any(row.mesh.sequence > 1 for row in plan("p5_48xlarge").rows)


def test_experts_stay_whole_unasked():
    found = make_plan(MIXTURE, CLUSTERS["p5_48xlarge"], Load(64, 16, 8), AUTO, Prefer.throughput)
    assert all(row.mesh.experts == row.mesh.tensor for row in found.rows)
    given = make_plan(
        MIXTURE, CLUSTERS["p5_48xlarge"], Load(64, 16, 8), {**AUTO, "experts": 2}, Prefer.throughput
    )
    assert {(row.mesh.tensor, row.mesh.experts) for row in given.rows} == {(2, 2)}


def test_this_machine_takes_as_many_processes_as_asked():
    cpu = replace(TARGETS["cpu"], memory_bytes=24e9, bandwidth=30e9, flops=1e11, usd_per_hour=0.1, cores=2)
    found = make_plan(SMOLLM2, cpu, Load(128, 64), {**AUTO, "tensor": 3}, Prefer.throughput)
    assert found.chosen.mesh == Mesh(tensor=3)
    assert (
        max(row.mesh.world for row in make_plan(SMOLLM2, cpu, Load(128, 64, 4), AUTO, Prefer.latency).rows)
        == 2
    )


def test_the_outline_has_a_line_for_each_mesh_and_plain_data():
    said = outline(plan("p5_48xlarge"), BF16)
    assert all(len(row) == len(said.columns) for row in said.rows)
    assert said.data["rows"][0]["memory_bytes"]["total"] < 80e9
    assert "2 x" not in said.title and "64 requests at once" in said.title


def test_it_is_quick():
    start = time.perf_counter()
    plan("p5_48xlarge_x2", Load(32_768, 256, None, joining=True), Prefer.throughput)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("perplexity <= 18", "cannot plan for `perplexity`"),
        ("tpot.p50 <= 30 MB", "is a time"),
        ("tpot.p50 = 3", "is no requirement"),
    ],
)
def test_requirements_are_about_what_arithmetic_gives(text, said):
    with pytest.raises(ValueError, match=said):
        parse_wanted(text)


def test_a_budget_advises_and_does_not_choose():
    found = plan("p5_48xlarge")
    said = outline(found, BF16, ("ttft.p50 <= 200 ms", "tpot.p50 <= 1 ms", "size <= 1 GB", "tpot.p50 <= 1 s"))
    assert [note for note in said.notes if "budget" in note] == [
        "the budget's `ttft.p50 <= 200 ms` would be missed; tensor 8 would meet it: write `require = ttft.p50 <= 200 ms`",
        "the budget's `tpot.p50 <= 1 ms` would be missed; every other mesh would miss it, too",
    ]
    assert said.rows[0][1] == str(found.chosen.mesh)
