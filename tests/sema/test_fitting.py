"""E0441, E0436: bounds that the judged model or the requests cannot have."""

from __future__ import annotations

import json

import pytest

from tests.sema.recipes import GOOD, check
from tests.sema.test_calls import CONFIG

ENCODER = """\
model bert = "file:tiny"
data prose = "python:pydoc_data.topics"
scenario query { prompt = 16 tokens, generate = 0 tokens }
onnx = convert(bert, format = onnx)
budget onnx under query {
    latency.p50 <= 20 ms
    cosine.mean >= 0.9 vs bert on prose
}
"""


@pytest.fixture
def find(tmp_path):
    """(code, caret, help) of the errors of a recipe beside the folder `tiny`."""

    def diagnostics(text: str, model_type: str):
        (tmp_path / "tiny").mkdir(exist_ok=True)
        (tmp_path / "tiny" / "config.json").write_text(json.dumps({**CONFIG, "model_type": model_type}))
        found = check(text, name=str(tmp_path / "recipe.opt")).found
        return [(d.code, d.span.text, d.help or "") for d in found if d.severity.value == "error"]

    return diagnostics


@pytest.mark.parametrize(
    ("bound", "caret", "help"),
    [
        ("tpot.p50 <= 5 ms", "tpot.p50", "encoders have `latency`, `goodput`, `forward`, `samples`"),
        ("throughput >= 5 tok/s", "throughput", "`samples`"),
        ("cost <= 1 USD/Mtok", "cost", "`latency`"),
        ("perplexity <= 18 on prose", "perplexity", "encoders have `cosine`, `ranking`"),
        ("kl.mean <= 0.1 nats vs bert on prose", "kl.mean", "encoders have `cosine`, `ranking`"),
    ],
)
def test_an_encoder_has_no_words(find, bound, caret, help):
    assert find(ENCODER, "bert") == []
    (found,) = find(ENCODER.replace("latency.p50 <= 20 ms", bound), "bert")
    assert found[:2] == ("E0441", caret) and help in found[2]


def test_a_decoder_has_no_vectors(find):
    text = ENCODER.replace("latency", "forward").replace("generate = 0", "generate = 8")
    found = find(text, "llama")
    assert [(code, caret) for code, caret, _ in found] == [("E0441", "forward.p50"), ("E0441", "cosine.mean")]
    assert found[0][2].startswith("decoders have `ttft`") and "`perplexity`" in found[1][2]


def test_another_mistake_in_the_budget_hides_no_metric_of_another_kind(find):
    text = ENCODER.replace("latency.p50 <= 20 ms", "latency.p50 <= 20 MB, perplexity <= 18 on prose")
    assert [code for code, _, _ in find(text, "bert")] == ["E0302", "E0441"]


def test_a_model_that_is_not_there_has_no_kind():
    assert check(GOOD.replace("size <= 110 MB", "cosine.mean >= 0.9 vs best on heldout")).good


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("{ prompt = 16 tokens, generate = 0 tokens }", None),
        ("{ prompt = 16 tokens, generate = 8 tokens }", "E0447"),
        ("{ prompt = 1000 tokens, generate = 0 tokens }", "E0446"),
    ],
)
def test_requests_are_such_as_the_model_can_serve(tmp_path, scenario, code):
    (tmp_path / "tiny").mkdir()
    config = {**CONFIG, "model_type": "bert", "max_position_embeddings": 512}
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(config))
    text = ENCODER.replace("{ prompt = 16 tokens, generate = 0 tokens }", scenario)
    found = [d for d in check(text, name=str(tmp_path / "recipe.opt")).found if d.code.startswith("E044")]
    assert [d.code for d in found] == ([code] if code else [])
    assert all(d.span.text == "query" and d.help for d in found)
