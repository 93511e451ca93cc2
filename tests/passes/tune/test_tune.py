"""Tuning a tiny exported model: settings written, artifact opened again; timings of so small a model are noise."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from infopt_compiler.artifacts import OnnxModel
from infopt_compiler.passes.base import Earlier, PassError
from infopt_compiler.passes.export.build import build
from infopt_compiler.passes.tune import Objective, Tune
from infopt_compiler.passes.tune import run as tune_run
from infopt_compiler.passes.tune.bench import ArtifactBench, block_seconds
from infopt_compiler.passes.tune.cost import KlCost, quality_cost
from infopt_compiler.passes.tune.decoder import (
    available_values,
    check_artifact,
    make_variant,
    read_settings,
)
from infopt_compiler.passes.tune.note import write_note
from infopt_compiler.passes.tune.search import Load, Run, TooSlowError
from infopt_compiler.passes.tune.settings import DecoderSettings
from infopt_compiler.scenario import Scenario
from tests.passes.export.encoders import write_bert
from tests.passes.export.models import write_llama, write_quantized
from tests.passes.select.context import context
from tests.sema.recipes import check

SCENARIO = Scenario("short", prompt=16, generate=4)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tuned")
    source = write_quantized(write_llama(root / "llama"), root / "source")
    (root / "artifact").mkdir()
    build(source, root / "artifact", root, lambda message: None)
    return root / "artifact"


def test_an_artifact_says_what_it_has_and_what_can_be_set(artifact):
    assert read_settings(artifact) == DecoderSettings()
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
        DecoderSettings(threads=2, prune_head=True),
        DecoderSettings(accuracy_level=4),
        DecoderSettings(head_accuracy_level=4),
        DecoderSettings(fuse_gate_up=True),
        DecoderSettings(separate_qkv=True),
        DecoderSettings(1, 4, 4, True, True, True),
    ],
)
def test_settings_are_written_and_read_back(artifact, tmp_path, settings):
    variant = tmp_path / "variant"
    variant.mkdir()
    make_variant(artifact, variant, DecoderSettings(), settings)
    assert read_settings(variant) == settings
    levels = settings.accuracy_level or settings.head_accuracy_level
    check_artifact(variant, artifact, same_numbers=not levels)


def test_another_computation_is_found(artifact, tmp_path):
    variant = tmp_path / "variant"
    variant.mkdir()
    make_variant(artifact, variant, DecoderSettings(), DecoderSettings(accuracy_level=4))
    with pytest.raises(PassError, match="logits differ") as failure:
        check_artifact(variant, artifact, same_numbers=True)
    assert failure.value.code == "E0745"


def test_the_note_is_no_hard_link_and_keeps_what_others_wrote(artifact, tmp_path):
    (tmp_path / "infopt.json").write_text('{"export": 1}')
    (tmp_path / "linked.json").hardlink_to(tmp_path / "infopt.json")
    write_note(tmp_path, DecoderSettings(threads=2), DecoderSettings(), {"objective": "ttft"})
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
    facts = Tune(time="25 s", threads=2).run(ctx, model=OnnxModel(artifact, "x"), under=SCENARIO, on=None)
    written = read_settings(ctx.staging)
    assert written == DecoderSettings(**facts["chosen"])
    note = json.loads((ctx.staging / "infopt.json").read_text())["tune"]
    assert note["settings"] == facts["chosen"] and note["scenario"]["generate"] == 4
    assert {decision["setting"] for decision in facts["decisions"]} == set(facts["default"])
    ran = set(facts["trials"]) | set(facts["screened"])
    assert written.label(DecoderSettings()) in ran and "default" in ran, "nothing ships that was not run"
    assert facts["predicted"] == {
        "threads": 2,
        "accuracy_level": 4,
        "head_accuracy_level": 4,
        "prune_head": True,
    }
    assert facts["charged_kl"] <= 0.02
    assert read_settings(artifact) == DecoderSettings()  # the input is as it was


@pytest.mark.slow
def test_an_earlier_choice_is_where_the_next_run_starts(artifact, tmp_path, monkeypatch):
    """Out of time at once: what was tried and faster ships, marked; the next run starts from it and keeps what it knows."""
    monkeypatch.setattr(tune_run, "_is_busy", lambda: False)
    costs: list[Path] = []

    def counted(exact: Path, levels: Path, *rest: object) -> KlCost:
        costs.append(levels)
        return KlCost(0.001, 0.0, 0.002, 1.0, 9, "x")

    monkeypatch.setattr(tune_run, "quality_cost", counted)
    short, long = tmp_path / "a", tmp_path / "b"
    first = Tune(time="1 s", threads=2).run(
        ctx := context(short), model=OnnxModel(artifact, "x"), under=SCENARIO, on=None
    )
    assert "no time left" in first["provisional"] and first["undecided"]
    again = context(long)
    again.earlier = Earlier(ctx.staging, json.loads(json.dumps(first)))
    second = Tune(time="25 s", threads=2).run(again, model=OnnxModel(artifact, "x"), under=SCENARIO, on=None)
    assert second["taken_up_again"]
    assert len(costs) == len(second["kl"]), "each once, in both builds together"
    assert DecoderSettings(**first["chosen"]).label(DecoderSettings()) in set(second["screened"])


@pytest.mark.parametrize("why", [{"disturbed": "others"}, {"disturbed": None}], ids=["busy", "quiet"])
def test_on_a_busy_machine_the_earlier_choice_stays(artifact, tmp_path, monkeypatch, why):
    """Whether others disturbed the earlier search too, or it was quiet and only short of time."""
    ctx = context(tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    make_variant(artifact, kept, DecoderSettings(), DecoderSettings(threads=2))
    facts = {
        "chosen": asdict(DecoderSettings(threads=2)),
        "provisional": "open",
        "search_seconds": 7.0,
        **why,
    }
    ctx.earlier = Earlier(kept, facts)
    monkeypatch.setattr(tune_run, "_is_busy", lambda: True)
    found = Tune().run(ctx, model=OnnxModel(artifact, "x"), under=SCENARIO, on=None)
    assert found["provisional"] == "open" and found["search_seconds"] == 7.0
    assert read_settings(ctx.staging) == DecoderSettings(threads=2)


@pytest.fixture
def bench(artifact, tmp_path) -> ArtifactBench:
    kind = tune_run.tunable_of(artifact)
    tune = Tune(max_kl="0.1 nats")
    return tune_run._bench(kind, tune, context(tmp_path), artifact, SCENARIO, None, 0.0)


@pytest.mark.slow
def test_a_block_is_abandoned_at_its_limit(bench):
    run = bench.block(DecoderSettings(), 0, Load(1, 0, short=True))
    assert isinstance(run, Run) and run.seconds > 0 and 0 <= run.busy <= 1
    with pytest.raises(TooSlowError, match=r"abandoned after 0\.1 s"):
        bench.block(DecoderSettings(), 0, Load(1, 0, short=True, most_seconds=0.1))


def test_levels_that_cost_too_much_are_given_up_one_by_one(bench):
    """Costs by what is raised: both together too much, the head alone not."""
    means = {(4, 4): 0.3, (0, 4): 0.05, (4, 0): 0.28}
    bench.measure_cost = lambda exact, levels: KlCost(
        means[read_settings(levels).accuracy_level, read_settings(levels).head_accuracy_level],
        0,
        1,
        1.0,
        9,
        "x",
    )
    wanted = DecoderSettings(2, 4, 4, True)
    allowed, refused = bench.allowed(wanted)
    assert allowed == DecoderSettings(2, 0, 4, True)
    assert refused == {"accuracy_level": "refused: it costs 0.3000 nats of mean KL, more than max_kl = 0.1"}
    assert bench.allowed(DecoderSettings(threads=2)) == (DecoderSettings(threads=2), {})
    means[0, 4] = 0.2
    bench.costs.clear()
    bench.cheap.clear()
    allowed, refused = bench.allowed(wanted)
    assert allowed == DecoderSettings(2, 0, 0, True) and set(refused) == {
        "accuracy_level",
        "head_accuracy_level",
    }


def test_a_cost_is_read_again_from_facts():
    cost = KlCost(0.01, 0.005, float("inf"), 0.9, 100, "x")
    facts = json.loads(json.dumps(cost.facts(), allow_nan=False))
    assert KlCost.of(facts).facts() == cost.facts()


@pytest.mark.slow
def test_accuracy_levels_cost_something_and_not_much(artifact, tmp_path):
    variant = tmp_path / "variant"
    variant.mkdir()
    make_variant(
        artifact, variant, DecoderSettings(), DecoderSettings(accuracy_level=4, head_accuracy_level=4)
    )
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
    (problem,) = Tune(minimize=Objective.tpot).check_scenarios({"under": one})
    assert problem.parameter == "minimize" and "`one` generates 1" in problem.message
    assert list(Tune(minimize=Objective.tpot).check_scenarios({"under": SCENARIO})) == []
    with pytest.raises(PassError, match="at least two output tokens"):
        Tune(minimize=Objective.tpot).run(
            context(tmp_path), model=OnnxModel(artifact, "x"), under=one, on=None
        )


RECIPE = """\
model m = "pypi:tiny==1.0#tiny.gguf"
scenario chat { prompt = 8 tokens, generate = 1 tokens }
parts = shard(m, tensor = 1, pipeline = 2, sequence = 1, data = 1)
stages = export(parts)
whole = export(quantize_me)
tuned = tune(whole, under = chat, minimize = tpot)
budget tuned under chat { size <= 1 GB }
budget stages under chat { size <= 1 GB }
"""


def test_what_cannot_be_tuned_is_found_by_check():
    recipe = RECIPE.replace("quantize_me", "m")
    only = check(recipe).only
    assert only.code == "E0410" and only.span.text == "tpot" and "at least two output tokens" in only.message
    assert check(recipe.replace("generate = 1 ", "generate = 2 ")).good
    of_stages = recipe.replace("tune(whole", "tune(stages").replace(", minimize = tpot", "")
    found = check(of_stages.replace("whole = export(m)\n", "")).only
    assert found.code == "E0401" and found.span.text == "stages"
    assert found.message == "`tune` takes an OnnxModel, `stages` is an OnnxStages"


def test_an_objective_of_decoders_is_refused_for_an_encoder(tmp_path):
    write_bert(tmp_path / "bert")
    recipe = tmp_path / "recipe.opt"
    text = """\
model m = "file:bert"
scenario query { prompt = 8 tokens, generate = 0 tokens }
whole = export(m)
tuned = tune(whole, under = query, minimize = ttft)
budget tuned under query { size <= 1 GB }
"""
    only = check(text, name=str(recipe)).only
    assert (
        only.code == "E0410" and only.span.text == "ttft" and "an encoder generates nothing" in only.message
    )
    assert check(text.replace("ttft", "throughput"), name=str(recipe)).good
