"""The pass on a tiny BERT: what ships, what is recorded, what is refused, and what it is expected to take."""

from __future__ import annotations

import json

import pytest

from infopt_compiler.artifacts import HFModel, ModelSpec
from infopt_compiler.artifacts.text import DataSpec
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.distill.parameters import Precision, Source
from tests.passes.distill.conftest import HERE, Context
from tests.passes.distill.encoder.test_run import text
from tests.passes.export.encoders import write_bert

MINILM = ModelSpec("BertModel", "bert", 6, 384, 1536, 12, 12, 32, 30522, 512, tied=True)
SMOLLM2 = ModelSpec("LlamaForCausalLM", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, tied=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("pass")
    teacher = write_bert(root / "teacher", num_hidden_layers=4, initializer_range=0.2)
    texts = {
        name: text(root / name, *part)
        for name, part in (("train", (0, 12)), ("a", (12, 20)), ("b", (20, 28)))
    }
    ctx = Context(root / "staging", root)
    ctx.staging.mkdir()
    chosen = Distill(layers=2, tokens="4000 tokens", batch=16, micro_batch=16, precision=Precision.float32)
    facts = chosen.run(
        ctx,
        teacher=HFModel(teacher, ""),
        student=None,
        text=(texts["train"],),
        heldout=texts["a"],
        other=texts["b"],
    )
    return ctx, facts["distillation"]


def test_the_student_ships_and_nothing_else(made):
    ctx, _ = made
    assert ModelSpec.from_folder(ctx.staging).layers == 2
    assert (ctx.staging / "1_Pooling/config.json").is_file()
    assert not list(ctx.staging.glob(".*")) and not list(ctx.staging.glob("*.pt"))


def test_facts_are_plain_and_name_both_texts(made):
    _, facts = made
    json.dumps(facts, allow_nan=False)
    assert set(facts["quality"]) == {"heldout", "other"}
    for judged in facts["quality"].values():
        assert set(judged["students"]) == {"untrained", "control", "distilled"}
        assert isinstance(judged["beats_control"], bool)
    distilled = facts["training"]["distilled"]
    assert distilled["tokens"] == pytest.approx(4000, rel=0.1)
    assert (
        facts["reduction"]["flops_per_token"]["teacher"]
        == 2 * facts["reduction"]["flops_per_token"]["student"]
    )
    assert facts["reduction"]["faster"] > 1


@pytest.mark.parametrize(
    ("spec", "changes", "says"),
    [
        (MINILM, {"temperature": 2.0}, "`temperature` says nothing of an encoder"),
        (MINILM, {"source": Source.teacher}, "`source` says nothing of an encoder"),
        (SMOLLM2, {"states": 2.0}, "`states` says nothing of a decoder"),
    ],
)
def test_parameters_of_the_other_kind_are_refused(spec, changes, says):
    (problem,) = Distill(layers=3, **changes).check(spec)
    assert says in problem.message and problem.parameter in changes


def test_estimates_follow_the_work():
    chosen = Distill(layers=3, tokens="1000000 tokens")
    sampled = {"text": (DataSpec(window=64, sample=2000),)}
    whole, less = (chosen.estimate_inputs({"teacher": MINILM}, data, HERE) for data in ({}, sampled))
    longer = Distill(layers=3, tokens="2000000 tokens").estimate_inputs({"teacher": MINILM}, {}, HERE)
    assert less.seconds < whole.seconds < longer.seconds
    assert whole.disk_bytes == 4 * chosen.transform(MINILM).parameters
