"""What each rank holds: the parts of a tensor cover it exactly once, and nothing is cut that must stay whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from infopt_compiler.passes.shard.layout import ShardLayout, size_of
from infopt_compiler.passes.shard.mesh import Coordinate, Mesh
from infopt_compiler.passes.shard.tensors import Stored, tensors_of
from tests.passes.shard.models import MIXTURE, SMOLLM2, quantized

TWO_HEADS = replace(SMOLLM2, layers=4, heads=4, kv_heads=2, head_dim=144, vocabulary=256)


def positions(part):
    return product(*(range(piece.start, piece.stop) for piece in part))


@pytest.mark.parametrize(
    ("spec", "mesh"),
    [
        (replace(SMOLLM2, layers=2, hidden=12, intermediate=24, head_dim=4, vocabulary=30), Mesh(tensor=3)),
        (replace(MIXTURE, layers=2), Mesh(tensor=2, experts=2)),
        (replace(MIXTURE, layers=2), Mesh(tensor=2)),
        (replace(MIXTURE, layers=4), Mesh(tensor=2, pipeline=2, experts=2)),
    ],
)
def test_sliced_tensors_are_covered_exactly_once(spec, mesh):
    layout = ShardLayout.of_spec(spec, mesh)
    for name, stored in layout.tensors.items():
        parts = [layout.slices(name, stored.shape, at) for at in mesh.coordinates()]
        held = [part for part in parts if part is not None]
        whole = tuple(slice(0, size) for size in stored.shape)
        if all(part == whole for part in held):
            assert held
            continue
        places = [place for part in held for place in positions(part)]
        assert len(places) == len(set(places)) == size_of(whole), name


def test_megatrons_cut_of_a_layer():
    layout = ShardLayout.of_spec(SMOLLM2, Mesh(tensor=3))
    at = Coordinate(tensor=1)
    prefix = "model.layers.7."
    assert layout.slices(f"{prefix}self_attn.k_proj.weight", (192, 576), at) == (
        slice(64, 128),
        slice(0, 576),
    )
    assert layout.slices(f"{prefix}mlp.down_proj.weight", (576, 1536), at) == (
        slice(0, 576),
        slice(512, 1024),
    )
    assert layout.slices(f"{prefix}input_layernorm.weight", (576,), at) == (slice(0, 576),)
    assert layout.slices("model.embed_tokens.weight", (49152, 576), at) == (
        slice(16384, 32768),
        slice(0, 576),
    )
    assert layout.slices(f"{prefix}self_attn.o_proj.bias", (576,), at) == (slice(0, 576),)


def test_quantized_integers_scales_and_zeros_are_cut_in_proportion():
    spec = quantized(SMOLLM2, symmetric=False)
    layout = ShardLayout.of_spec(spec, Mesh(tensor=3))
    name = "model.layers.0.mlp.down_proj"
    found = {leaf: layout.slices(f"{name}.{leaf}", layout.tensors[f"{name}.{leaf}"].shape, Coordinate(tensor=2))
             for leaf in ("qweight", "scales", "qzeros")}  # fmt: skip
    assert found["qweight"] == (slice(0, 576), slice(512, 768))
    assert found["scales"] == (slice(0, 576), slice(32, 48))
    assert found["qzeros"] == (slice(0, 576), slice(16, 24))


def test_stages_hold_whole_layers_the_ends_their_tables():
    layout = ShardLayout.of_spec(TWO_HEADS, Mesh(pipeline=2))
    first, last = Coordinate(), Coordinate(pipeline=1)
    assert [k for stage in layout.stages for k in stage] == list(range(4))
    assert layout.slices("model.norm.weight", (576,), first) is None
    table = (256, 576)
    assert layout.slices("model.embed_tokens.weight", table, first) is not None
    assert layout.slices("model.embed_tokens.weight", table, last) is not None, (
        "a tied head stands at the end"
    )
    assert (
        layout.slices(f"model.layers.{layout.stages[1].start}.mlp.up_proj.weight", (1536, 576), first) is None
    )
    untied = ShardLayout.of_spec(replace(TWO_HEADS, tied=False), Mesh(pipeline=2))
    assert untied.slices("model.embed_tokens.weight", table, last) is None
    assert untied.slices("lm_head.weight", table, first) is None


def test_a_vocabulary_that_does_not_divide_is_held_whole():
    layout = ShardLayout.of_spec(replace(SMOLLM2, vocabulary=100), Mesh(tensor=3))
    assert layout.slices("model.embed_tokens.weight", (100, 576), Coordinate(tensor=2)) == (
        slice(0, 100),
        slice(0, 576),
    )


def test_ranks_of_sequence_and_data_hold_the_same():
    layout = ShardLayout.of_spec(TWO_HEADS, Mesh(tensor=2, sequence=2, data=2))
    assert len({layout.bytes_of(at) for at in layout.mesh.coordinates()}) == 1
    assert layout.held(Coordinate(tensor=1)) == layout.held(Coordinate(tensor=1, data=1, sequence=1))


def test_bytes_are_those_of_the_spec():
    whole = ShardLayout.of_spec(SMOLLM2, Mesh())
    assert whole.bytes_of(Coordinate()) == SMOLLM2.weight_bytes
    parts = ShardLayout.of_spec(SMOLLM2, Mesh(tensor=3))
    norms = 61 * 576 * 4
    assert sum(parts.bytes_of(at) for at in parts.mesh.coordinates()) == SMOLLM2.weight_bytes + 2 * norms


def test_tensors_of_a_mixture():
    found = tensors_of(MIXTURE)
    assert found["model.layers.3.mlp.experts.7.down_proj.weight"] == Stored((64, 32))
    assert found["model.layers.0.mlp.gate.weight"] == Stored((8, 64))
