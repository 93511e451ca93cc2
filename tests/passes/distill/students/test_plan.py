"""The shape of a student from layers, width or a bound on the size."""

from __future__ import annotations

import pytest

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.passes.distill.students.plan import (
    ImpossibleShape,
    Prune,
    StudentShape,
    choose_shape,
    shape_problems,
)

SMOLLM2 = ModelSpec("LlamaForCausalLM", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, tied=True)
MINILM = ModelSpec("BertModel", "bert", 6, 384, 1536, 12, 12, 32, 30522, 512, tied=True)


def share(spec: ModelSpec, shape: StudentShape) -> float:
    return shape.spec(spec).weight_bytes / spec.weight_bytes


def test_layers_alone_keep_the_width():
    assert choose_shape(SMOLLM2, layers=20) == StudentShape(20, 576, 9, 3, 1536)
    assert choose_shape(MINILM, layers=3) == StudentShape(3, 384, 12, 12, 1536)


def test_width_keeps_whole_groups_with_their_heads():
    assert choose_shape(SMOLLM2, width=0.75) == StudentShape(30, 576, 6, 2, 1152)


def test_an_encoders_heads_all_stay():
    shape = choose_shape(MINILM, width=0.5)
    assert (shape.heads, shape.kv_heads, shape.intermediate) == (12, 12, 768)


@pytest.mark.parametrize("prune", list(Prune))
@pytest.mark.parametrize("size", [0.4, 0.6, 0.9])
def test_a_bound_on_the_size_is_kept_and_used(size, prune):
    shape = choose_shape(SMOLLM2, size=size, prune=prune)
    assert share(SMOLLM2, shape) <= size
    assert share(SMOLLM2, shape) > size - 0.08


def test_what_gives_way_to_a_bound():
    assert choose_shape(SMOLLM2, size=0.6).intermediate == 1536
    assert choose_shape(SMOLLM2, size=0.6, prune=Prune.width).layers == 30
    both = choose_shape(SMOLLM2, size=0.6, prune=Prune.both)
    assert both.layers < 30 and both.intermediate < 1536
    assert abs(both.layers / 30 - both.intermediate / 1536) < 0.1


def test_with_a_bound_the_other_follows_from_the_given_one():
    assert choose_shape(SMOLLM2, size=0.6, layers=24).layers == 24
    assert choose_shape(SMOLLM2, size=0.6, layers=24).intermediate < 1536
    narrow = choose_shape(SMOLLM2, size=0.6, width=0.75)
    assert narrow.intermediate == 1152 and narrow.layers > choose_shape(SMOLLM2, size=0.6).layers


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "nothing says how small"),
        ({"layers": 40}, "has 30 layers, a student of 40"),
        ({"layers": 30}, "is the teacher"),
        ({"size": 1.2}, "120%"),
        ({"width": 0.0}, "0%"),
        ({"size": 0.1}, "23.7% of the teacher's 538 MB, and `size` is 10.0%"),
        ({"layers": 20, "width": 0.5, "size": 0.3}, "49.6% of the teacher's 538 MB"),
    ],
)
def test_what_cannot_be_is_said_with_numbers(asked, says):
    with pytest.raises(ImpossibleShape) as wrong:
        choose_shape(SMOLLM2, **asked)
    assert says in wrong.value.problem.message
    assert [problem.message for problem in shape_problems(SMOLLM2, **asked)] == [wrong.value.problem.message]


def test_a_family_that_is_not_known():
    gpt2 = ModelSpec("GPT2LMHeadModel", "gpt2", 12, 768, 3072, 12, 12, 64, 50257, 1024, tied=True)
    (problem,) = shape_problems(gpt2, layers=6)
    assert "`gpt2`" in problem.message and problem.help is not None and "llama" in problem.help
