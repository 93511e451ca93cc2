"""Degrees that a model does not allow are refused with the numbers, and with what would do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.passes.shard.degrees import degree_problems, tensor_degrees
from tests.passes.shard.models import LLAMA_70B, MIXTURE, SMOLLM2, quantized

NONE = dict.fromkeys(("tensor", "pipeline", "sequence", "data", "experts"), 0)


@pytest.mark.parametrize(
    ("spec", "degrees", "said"),
    [
        (SMOLLM2, {"tensor": 2}, "degree 2 does not divide 3 KV heads; 1 and 3 do"),
        (LLAMA_70B, {"tensor": 16}, "degree 16 does not divide 8 KV heads; 1, 2, 4 and 8 do"),
        (SMOLLM2, {"pipeline": 31}, "31 stages cannot share 30 layers"),
        (SMOLLM2, {"experts": 2}, "the model has no experts to divide"),
        (MIXTURE, {"experts": 3}, "degree 3 does not divide 8 experts; 1, 2, 4 and 8 do"),
        (MIXTURE, {"tensor": 2, "experts": 4}, "4 parts of experts do not divide a tensor group of 2"),
        (
            replace(SMOLLM2, heads=8, kv_heads=2, head_dim=64, linear=WeightFormat(4, 512)),
            {"tensor": 2},
            "degree 2 cuts a quantization group: the 512 inputs of `o_proj` in 2 parts are 256, no multiple of the group of 512",
        ),
        (
            quantized(SMOLLM2, group=64, symmetric=False),
            {"tensor": 3},
            "degree 3 cuts a byte of zero points: 3 groups of `o_proj` for each rank, 4 bits each",
        ),
        (
            replace(MIXTURE, linear=WeightFormat(4, 32)),
            {"tensor": 2, "experts": 1},
            "an expert in 2 pieces has 16 inputs of `down_proj`, no multiple of the group of 32",
        ),
        (
            replace(MIXTURE, linear=WeightFormat(4, 16, symmetric=False)),
            {"tensor": 2, "experts": 1},
            "an expert in 2 pieces has 1 groups of `down_proj` in each: a byte of zero points would be cut",
        ),
        (
            replace(MIXTURE, heads=3, kv_heads=3),
            {"tensor": 3},
            "degree 3: 8 experts of 32 inner units can be neither dealt out to 3 ranks nor cut for them",
        ),
    ],
)
def test_refused(spec: ModelSpec, degrees: dict[str, int], said: str) -> None:
    first = next(degree_problems(spec, {**NONE, **degrees}))
    assert first.message.startswith(said)
    assert first.code in ("E0770", "E0771")


def test_allowed():
    assert tensor_degrees(SMOLLM2) == [1, 3]
    assert tensor_degrees(LLAMA_70B) == [1, 2, 4, 8]
    assert tensor_degrees(quantized(SMOLLM2)) == [1, 3]
    assert tensor_degrees(quantized(SMOLLM2, group=64, symmetric=False)) == [1]
    fine = {"tensor": 2, "pipeline": 4, "experts": 2}
    assert not list(degree_problems(MIXTURE, {**NONE, **fine}))
