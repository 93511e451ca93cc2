"""What a student encoder is asked to match."""

from __future__ import annotations

import pytest
import torch

from infopt_compiler.passes.distill.encoder.losses import (
    attention_loss,
    contrast_loss,
    hidden_loss,
    vector_loss,
)
from infopt_compiler.passes.distill.encoder.model import Encoder
from tests.passes.export.encoders import write_bert


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return Encoder(write_bert(tmp_path_factory.mktemp("bert") / "model"))


@pytest.fixture
def ids():
    ids = torch.randint(5, 300, (3, 12), generator=torch.Generator().manual_seed(0))
    ids[1, 7:] = 0
    return ids


def test_equal_models_have_nothing_to_learn(encoder, ids):
    with torch.no_grad():
        seen = encoder.encode(ids)
        relations = encoder.relations(seen)
    for loss in (
        vector_loss(seen.vector, seen.vector * 3),
        hidden_loss(seen, seen),
        attention_loss(relations, relations, seen.real),
    ):
        assert loss.shape == (3,) and loss.abs().max() < 1e-5


def test_relations_are_the_attention_of_transformers(encoder, ids):
    with torch.no_grad():
        attention, values = encoder.relations(encoder.encode(ids))
        encoder.model.set_attn_implementation("eager")
        real = (ids != 0).long()
        theirs = encoder.model(input_ids=ids, attention_mask=real, output_attentions=True).attentions[-1]
        encoder.model.set_attn_implementation("sdpa")
    assert torch.allclose(attention.exp(), theirs, atol=1e-5)
    assert torch.allclose(values.exp().sum(-1), torch.ones(3, 4, 12), atol=1e-5)


def test_padding_changes_nothing(encoder, ids):
    with torch.no_grad():
        short = encoder.encode(ids[1:2, :7])
        wide = encoder.encode(ids[1:2])
    assert torch.allclose(short.vector, wide.vector, atol=1e-5)
    other = encoder.encode(ids[1:2]).after.detach().clone()
    other[0, 7:] = 1e3  # padding may hold anything
    changed = type(wide)(wide.real, wide.before, other, wide.vector)
    assert hidden_loss(changed, wide).item() < 1e-5


def test_contrast_is_least_where_each_is_nearest_itself():
    apart = torch.eye(4)
    assert contrast_loss(apart, apart).max() < 1e-3 < contrast_loss(apart, apart.roll(1, 0)).min()
