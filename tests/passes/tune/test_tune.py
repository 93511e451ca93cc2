"""Tuning a tiny exported model: settings written, artifact opened again; timings of so small a model are noise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from infopt_compiler.passes.tune.artifact import (
    available_values,
    check_artifact,
    make_variant,
    read_settings,
    write_note,
)

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.build import build
from infopt_compiler.passes.tune import Objective, Tune
from infopt_compiler.passes.tune.bench import block_seconds
from infopt_compiler.passes.tune.race import Contest
from infopt_compiler.passes.tune.search import Search
from infopt_compiler.passes.tune.settings import Settings
from infopt_compiler.scenario import Scenario
from tests.passes.export.models import write_llama, write_quantized
from tests.passes.select.context import context

SCENARIO = Scenario("short", prompt=16, generate=4)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tuned")
    source = write_quantized(write_llama(root / "llama"), root / "source")
    (root / "artifact").mkdir()
    build(source, root / "artifact", root, lambda message: None)
    return root / "artifact"


def test_an_artifact_says_what_it_has_and_what_can_be_set(artifact):
    assert read_settings(artifact) == Settings()
    assert available_values(artifact, 4) == {
        "threads": [2, 4],
        "accuracy_level": [0, 4],
        "head_accuracy_level": [0, 4],
        "prune_head": [True],
        "fuse_gate_up": [True],
        "separate_qkv": [True],
    }


@pytest.mark.parametrize(
    "settings",
    [
        Settings(threads=2, prune_head=True),
        Settings(accuracy_level=4),
        Settings(head_accuracy_level=4),
        Settings(fuse_gate_up=True),
        Settings(separate_qkv=True),
        Settings(1, 4, 4, True, True, True),
    ],
)
def test_settings_are_written_and_read_back(artifact, tmp_path, settings):
    variant = tmp_path / "variant"
    variant.mkdir()
    make_variant(artifact, variant, Settings(), settings)
    assert read_settings(variant) == settings
    levels = settings.accuracy_level or settings.head_accuracy_level
    assert len(check_artifact(variant, artifact, same_numbers=not levels)) == 8


def test_another_computation_is_found(artifact, tmp_path):
    variant = tmp_path / "variant"
    variant.mkdir()
    make_variant(artifact, variant, Settings(), Settings(accuracy_level=4))
    with pytest.raises(PassError, match="logits differ") as failure:
        check_artifact(variant, artifact, same_numbers=True)
    assert failure.value.code == "E0745"


def test_the_note_is_no_hard_link_and_keeps_what_others_wrote(artifact, tmp_path):
    (tmp_path / "infopt.json").write_text('{"export": 1}')
    (tmp_path / "linked.json").hardlink_to(tmp_path / "infopt.json")
    write_note(tmp_path, Settings(threads=2), Settings(), {"objective": "ttft"})
    note = json.loads((tmp_path / "infopt.json").read_text())
    assert note["export"] == 1 and note["tune"]["changed"] == {"threads": 2}
    assert (tmp_path / "linked.json").read_text() == '{"export": 1}'


@pytest.mark.parametrize(("field", "value"), [("time", "0 s"), ("gain", "100%"), ("gain", "-1%")])
def test_senseless_parameters_are_found(field, value):
    (problem,) = Tune(**{field: value}).check(None)
    assert problem.parameter == field


@pytest.mark.slow
def test_an_artifact_that_cannot_be_served_is_an_error(artifact, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(artifact, broken)
    (broken / "tokenizer.json").write_text("{")
    with pytest.raises(PassError, match="cannot be served") as failure:
        Tune(time="12 s").run(context(tmp_path), model=OnnxModel(broken, "x"), under=SCENARIO, on=None)
    assert failure.value.code == "E0746"


@pytest.mark.slow
def test_tuning_writes_what_it_chose(artifact, tmp_path):
    ctx = context(tmp_path)
    facts = Tune(time="12 s", threads=2).run(ctx, model=OnnxModel(artifact, "x"), under=SCENARIO, on=None)
    written = read_settings(ctx.staging)
    assert written == Settings(**facts["chosen"])
    note = json.loads((ctx.staging / "infopt.json").read_text())["tune"]
    assert note["settings"] == facts["chosen"] and note["scenario"]["generate"] == 4
    assert {decision["setting"] for decision in facts["decisions"]} == set(facts["default"])
    assert facts["trials"]["default"]["blocks"]
    assert (facts["final_check"] is None) == (facts["changed"] == {} and "note" not in facts)
    assert facts["charged_kl"] <= 0.02
    assert read_settings(artifact) == Settings()  # the input is as it was


@pytest.mark.slow
def test_what_the_final_check_does_not_confirm_is_not_shipped(artifact, tmp_path, monkeypatch):
    monkeypatch.setattr(Search, "run", lambda self, available: (Settings(threads=2), []))
    monkeypatch.setattr(Search, "confirm", lambda self, chosen: Contest("chosen", 0.1, 0.02, 2, "worse"))
    ctx = context(tmp_path)
    facts = Tune().run(ctx, model=OnnxModel(artifact, "x"), under=SCENARIO, on=None)
    assert facts["chosen"] == facts["default"] and "did not confirm" in facts["note"]
    assert read_settings(ctx.staging) == Settings()
    assert (ctx.staging / "model.onnx").samefile(artifact / "model.onnx")


@pytest.mark.slow
def test_accuracy_levels_cost_something_and_not_much(artifact, tmp_path):
    from infopt_compiler.passes.tune.cost import quality_cost

    variant = tmp_path / "variant"
    variant.mkdir()
    make_variant(artifact, variant, Settings(), Settings(accuracy_level=4, head_accuracy_level=4))
    cost = quality_cost(artifact, variant, None, tmp_path)
    assert 0 < cost.mean < 0.1 and cost.low <= cost.mean <= cost.high and cost.tokens == 6 * 255


def test_the_objective_of_a_block():
    from infopt_compiler.measure.serving.samples import Block, BlockSamples, Request

    requests = tuple(Request(0.1 * k, 0.1, 1.0 * k, (0.3, 0.3), 16) for k in (1, 2, 3))
    samples = BlockSamples((Block(requests, wall=6.0, load=0.5, peak=1, steady=1),))
    assert block_seconds(samples, Objective.latency) == 2.0
    assert block_seconds(samples, Objective.ttft) == pytest.approx(0.2)
    assert block_seconds(samples, Objective.throughput) == pytest.approx(6.0 / 9)


def test_tpot_needs_two_tokens(artifact, tmp_path):
    one = Scenario("one", prompt=16, generate=1)
    with pytest.raises(PassError, match="at least two output tokens"):
        Tune(minimize=Objective.tpot).run(
            context(tmp_path), model=OnnxModel(artifact, "x"), under=one, on=None
        )
