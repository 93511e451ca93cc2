"""Tuning a tiny exported encoder: onnxruntime's own settings, written where everybody who runs it finds them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnxruntime as ort
import pytest

from infopt_compiler.artifacts import ModelSpec, OnnxModel
from infopt_compiler.artifacts.onnx_view import link_folder
from infopt_compiler.passes.base import PassError
from infopt_compiler.passes.export.encoder import build_encoder
from infopt_compiler.passes.tune import Objective, Tune
from infopt_compiler.passes.tune.encoder import (
    available_values,
    check_artifact,
    make_variant,
    predicted,
    read_settings,
)
from infopt_compiler.passes.tune.settings import EncoderSettings
from infopt_compiler.runtimes.onnxruntime.serve import EncoderServer, session_options, tuned_options
from infopt_compiler.scenario import Scenario
from tests.passes.export.encoders import write_bert
from tests.passes.select.context import context

SCENARIO = Scenario("query", prompt=8, generate=0)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("encoder")
    (root / "artifact").mkdir()
    build_encoder(write_bert(root / "bert"), root / "artifact")
    return root / "artifact"


def test_what_can_be_set(encoder):
    assert read_settings(encoder) == EncoderSettings()


@pytest.mark.parametrize(
    ("cores", "most", "counts", "best"),
    [
        (8, 8, [0, 1, 2, 4], 0),
        (8, 4, [1, 2, 4], 4),
        (8, 1, [1], 1),
        (2, 4, [0, 1], 0),
        (1, 1, None, 0),
        (6, 5, [1, 2, 4, 5], 5),
    ],
)
def test_as_many_threads_are_predicted_as_are_allowed(encoder, monkeypatch, cores, most, counts, best):
    """The runtime's default is all cores: below them the limit itself was not tried, and the default went beyond it."""
    monkeypatch.setattr("infopt_compiler.passes.tune.encoder.physical_cores", lambda: cores)
    available = available_values(encoder, most)
    assert available.get("threads") == counts
    assert predicted(EncoderSettings(), available).threads == best
    assert predicted(EncoderSettings(threads=1), available).threads == 1


@pytest.mark.parametrize(
    "settings", [EncoderSettings(1, "basic", False), EncoderSettings(2, "extended", True)]
)
def test_settings_reach_the_session_of_who_runs_it(encoder, tmp_path, settings):
    make_variant(encoder, tmp_path, EncoderSettings(), settings)
    assert read_settings(tmp_path) == settings
    options = session_options(tuned_options(tmp_path))
    assert options.intra_op_num_threads == settings.threads
    level = {"basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC}.get(
        settings.optimization, ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    )
    assert options.graph_optimization_level == level
    if not settings.spinning:
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    told = EncoderServer(tmp_path).environment()["session_options"]
    assert told["intra_op_num_threads"] == settings.threads
    check_artifact(tmp_path, encoder)
    assert (tmp_path / "model.onnx").samefile(encoder / "model.onnx")


def test_an_encoder_that_computes_something_else_is_found(encoder, tmp_path):
    link_folder(encoder, tmp_path)
    other = build_other(tmp_path / "other")
    (tmp_path / "model.onnx").unlink()
    (tmp_path / "model.onnx").write_bytes((other / "model.onnx").read_bytes())
    with pytest.raises(PassError, match="vectors differ") as failure:
        check_artifact(tmp_path, encoder)
    assert failure.value.code == "E0745"


def build_other(folder: Path) -> Path:
    (folder / "artifact").mkdir(parents=True)
    build_encoder(write_bert(folder / "bert", pooling="cls"), folder / "artifact")
    return folder / "artifact"


@pytest.mark.parametrize("objective", [Objective.ttft, Objective.tpot])
def test_what_only_decoders_have_is_no_objective(encoder, tmp_path, objective):
    spec = ModelSpec.from_folder(encoder)
    (problem,) = Tune(minimize=objective).check(spec)
    assert problem.parameter == "minimize" and "an encoder generates nothing" in problem.message
    assert list(Tune(minimize=Objective.throughput).check(spec)) == []
    with pytest.raises(PassError, match="generates nothing"):
        tune = Tune(minimize=objective)
        tune.run(context(tmp_path), model=OnnxModel(encoder, "x"), under=SCENARIO, on=None)


def test_the_spec_of_an_encoder_stays(encoder):
    spec = ModelSpec.from_folder(encoder)
    assert Tune().transform(spec) == spec
    assert Tune().transform(replace(spec, model_type="llama")).served != spec.served


@pytest.mark.slow
@pytest.mark.parametrize("objective", [Objective.latency, Objective.throughput])
def test_tuning_an_encoder(encoder, tmp_path, objective):
    ctx = context(tmp_path)
    tune = Tune(time="20 s", threads=2, rounds=2, minimize=objective)
    facts = tune.run(ctx, model=OnnxModel(encoder, "x"), under=SCENARIO, on=None)
    assert read_settings(ctx.staging) == EncoderSettings(**facts["chosen"])
    note = json.loads((ctx.staging / "infopt.json").read_text())["tune"]
    assert note["objective"] == objective.value
    assert {decision["setting"] for decision in facts["decisions"]} == {"threads", "optimization", "spinning"}
    assert facts["requests"]["requests"] > 2, "requests of a millisecond: many in a block"
    assert "default" in facts["trials"] and facts["charged_kl"] == 0
    EncoderServer(ctx.staging)
