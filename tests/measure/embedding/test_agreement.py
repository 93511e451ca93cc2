"""Cosine and ranking: by hand, through real encoders, and their intervals."""

from __future__ import annotations

import pydoc_data.topics

import numpy as np
import pytest

from infopt_compiler.artifacts import HFModel, TextData
from infopt_compiler.artifacts.text import DataSpec, Document, write_text_data
from infopt_compiler.diagnostics import DiagnosticError
from infopt_compiler.measure.embedding.agreement import (
    Agreement,
    compare_embeddings,
    cosines,
    estimate_embedding,
    sentences,
    shared_neighbours,
)
from infopt_compiler.measure.serving import traffic
from infopt_compiler.measure.serving.latency import run_block
from infopt_compiler.measure.serving.serve import _encode
from infopt_compiler.scenario import Scenario, ScenarioMode
from tests.passes.export.encoders import write_bert


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> TextData:
    folder = tmp_path_factory.mktemp("text")
    documents = [Document(name, text) for name, text in list(pydoc_data.topics.topics.items())[:20]]
    write_text_data(folder, documents, DataSpec(sample=60))
    return TextData(folder, "text")


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> HFModel:
    return HFModel(write_bert(tmp_path_factory.mktemp("bert") / "model"), "bert")


def test_cosines_by_hand():
    one = np.array([[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(cosines(one, np.array([[0.0, 2.0], [3.0, 3.0]])), [0, 1], atol=1e-12)


def test_neighbours_are_the_same_after_a_turn_and_others_after_noise():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((50, 8))
    turn = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    assert shared_neighbours(one, one @ turn).mean() == 1.0
    assert shared_neighbours(one, rng.standard_normal((50, 8))).mean() < 0.5


def test_a_model_agrees_with_itself_and_less_with_another(bert, text, tmp_path):
    same = compare_embeddings(bert, bert, text)
    assert len(same) == 60 and min(row.cosine for row in same) > 0.99999
    other = HFModel(write_bert(tmp_path / "other", num_hidden_layers=1), "other")
    assert np.mean([row.cosine for row in compare_embeddings(bert, other, text)]) < 0.99


def test_a_decoder_has_no_vectors(bert, world, text):
    with pytest.raises(DiagnosticError) as failure:
        compare_embeddings(bert, world.base, text)
    assert failure.value.diagnostics[0].code == "E0904"


def test_sentences_are_drawn_by_the_seed(text):
    assert sentences(text) == sentences(text) and len({s for _, s in sentences(text)}) > 50


def _rows(values, documents=20):
    return [Agreement(str(k % documents), "", value, value) for k, value in enumerate(values)]


def test_intervals_hold_the_mean_and_widen_with_confidence():
    rows = _rows(np.random.default_rng(1).uniform(0.9, 1.0, 400))
    narrow, wide = (estimate_embedding(rows, "cosine", "mean", c, resamples=500, seed=0) for c in (0.9, 0.99))
    assert wide.low < narrow.low < 0.95 < narrow.high < wide.high
    assert narrow.value == pytest.approx(np.mean([row.cosine for row in rows]))


def test_the_first_percentile_needs_enough_sentences():
    values = np.linspace(0.5, 1.0, 400)
    found = estimate_embedding(_rows(values), "cosine", "p1", 0.95, resamples=500, seed=0)
    assert found.value == pytest.approx(0.505, abs=0.003) and found.low <= found.value <= found.high
    few = estimate_embedding(_rows(values[:50]), "cosine", "p1", 0.95, resamples=500, seed=0)
    assert few.value is None and "needs 299" in (few.note or "")


@pytest.mark.parametrize("mode", list(ScenarioMode))
def test_an_encoder_is_served_in_every_mode(bert, mode):
    scenario = Scenario("s", prompt=20, generate=0, batch=2, mode=mode, rate=100.0)
    block, environment = run_block(bert, scenario, 4, 1, 0)
    assert environment["runtime"] == "transformers"
    assert all(0 < r.forward <= r.latency and r.prompt_tokens <= 20 for r in block.requests)
    assert block.tokens_out == 0


class _Slow:
    """An encoder whose passes take ever less until the fifth."""

    def __init__(self) -> None:
        self.passes, self.now = 0, 0.0

    def encode(self, text: str) -> list[int]:
        return [1] * len(text.split())

    def tokenize(self, texts: list[str]) -> dict[str, np.ndarray]:
        return {"input_ids": np.ones((len(texts), 4), dtype=np.int64)}

    def forward(self, inputs: object) -> None:
        self.passes += 1
        self.now += max(1, 6 - self.passes)


@pytest.mark.parametrize(("settle", "warmed"), [(0, 2), (2, 4), (8, 7)])
def test_an_encoder_warms_up_until_it_is_stable(settle, warmed, monkeypatch):
    server, seen = _Slow(), []
    monkeypatch.setattr(traffic, "_clock", lambda: server.now)
    job = {"warmup": 2, "requests": 3, "seed": 0, "settle": settle, "stable": 0.3}
    *_, environment = _encode(server, Scenario("s", prompt=4, generate=0), job, seen.append)
    assert environment["warmup_requests"] == warmed
    assert (len(seen), server.passes) == (3, warmed + 3)
