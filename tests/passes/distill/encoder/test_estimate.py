"""The estimate for encoders beside what a whole build took."""

from __future__ import annotations

from typing import Any

import pytest

from infopt_compiler.artifacts import DataSpec, ModelSpec
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.distill.encoder.estimate import encoder_seconds
from infopt_compiler.passes.distill.encoder.work import EncoderWork
from infopt_compiler.passes.distill.parameters import Precision, Preset
from tests.passes.distill.test_estimate import EPYC

MINILM = ModelSpec.from_config(
    {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "num_hidden_layers": 6,
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_attention_heads": 12,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
    }
)
SENTENCES = {
    "text": (DataSpec(64, 4000),) * 5,
    "heldout": (DataSpec(64, 320),),
    "other": (DataSpec(64, 256),),
}


def settings(**given: Any) -> Distill:
    common = {"layers": 3, "tokens": "800000 tokens", "batch": 64, "micro_batch": 64, "eval_steps": 25}
    return Distill(**{**common, "precision": Precision.bfloat16, **given})


def stages(**given: Any) -> dict[str, float]:
    asked = settings(**given)
    return encoder_seconds(asked, MINILM, asked.transform(MINILM), EncoderWork.of(asked, SENTENCES), EPYC)


def test_recipes_minilm_small_as_it_was_built() -> None:
    found = settings().estimate_inputs({"teacher": MINILM}, SENTENCES, EPYC)
    assert found.seconds == pytest.approx(936.3, rel=0.25)
    assert found.peak_rss_bytes == pytest.approx(2_877_349_888, rel=0.25)
    assert found.disk_bytes == pytest.approx(70_264_755, rel=0.25)


def test_recipes_minilm_small_as_it_was_built_later() -> None:
    """A build that no rate was fitted to."""
    texts = SENTENCES | {"text": (DataSpec(64, 4000),) * 6}
    asked = settings(tokens="1300000 tokens")
    found = asked.estimate_inputs({"teacher": MINILM}, texts, EPYC)
    assert found.seconds == pytest.approx(1283.9, rel=0.25)
    assert found.peak_rss_bytes == pytest.approx(2_420_441_088, rel=0.25)
    work = EncoderWork.of(asked, texts)
    parts = encoder_seconds(asked, MINILM, asked.transform(MINILM), work, EPYC)
    assert parts["distilled"] == pytest.approx(407.3, rel=0.25)
    assert parts["control"] == pytest.approx(734.0, rel=0.25)


def test_each_training_of_it() -> None:
    """The control padded all sentences of a batch to the longest one then."""
    assert stages()["distilled"] == pytest.approx(245.1, rel=0.25)
    assert stages()["distilled"] < stages()["control"] < 574.2


def test_sentences_and_steps_are_near_those_of_the_run() -> None:
    work = EncoderWork.of(settings(), SENTENCES)
    assert work.sentences == 19_747
    assert work.steps == pytest.approx(408, rel=0.05)
    assert work.sentences * work.mean == pytest.approx(604_468, rel=0.05)


def test_padding_is_less_in_pieces_of_like_length() -> None:
    work = EncoderWork.of(settings(), SENTENCES)
    assert work.padded(64, 64) == 2 * 64 * work.mean
    assert work.padded(64, 32) == 1.5 * 64 * work.mean
    assert work.padded(0) == 0


def test_more_tokens_and_more_layers_take_longer() -> None:
    assert stages(tokens="400000 tokens")["control"] < stages()["control"]
    assert stages(layers=2)["distilled"] < stages(layers=4)["distilled"]


def test_attention_is_made_anew_and_states_cost_the_teacher_s_last_layer() -> None:
    vectors, states, attention = (
        stages(states=states, attention=attention)["distilled"]
        for states, attention in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    )
    assert vectors < states < attention


def test_quick_is_estimated_as_quick() -> None:
    assert sum(stages(preset=Preset.quick).values()) < sum(stages().values()) / 5
