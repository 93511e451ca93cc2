"""Granite, which came as one file: what `test_passes.py` and `test_families.py` do not ask of every family."""

from __future__ import annotations

from pathlib import Path

import pytest

from infopt_compiler.architectures import find_family, read_numbers
from infopt_compiler.artifacts import ModelSpec, WeightFormat
from infopt_compiler.passes.base import Pass
from infopt_compiler.passes.distill import Distill
from infopt_compiler.passes.export import Export
from infopt_compiler.passes.export.build import build
from infopt_compiler.passes.export.verify import verify
from infopt_compiler.passes.quantize import Quantize
from infopt_compiler.passes.shard import Shard
from tests.architectures.tiny import OWN, tiny_config, write_model

GRANITE = find_family("granite")


def test_its_factors_are_read() -> None:
    numbers = read_numbers(GRANITE, tiny_config(GRANITE).to_dict())
    factors = (
        numbers.embedding_scale,
        numbers.attention_scale,
        numbers.residual_scale,
        numbers.logits_divisor,
    )
    assert factors == tuple(OWN["granite"].values())


@pytest.mark.parametrize("a_pass", [Quantize(group=16), Export(), Shard(tensor=2), Distill(layers=1)])
def test_check_lets_it_through(a_pass: Pass) -> None:
    spec = ModelSpec.from_config(tiny_config(GRANITE).to_dict())
    assert not list(a_pass.check(spec))
    integers = spec.with_format(WeightFormat(4, 16), WeightFormat(8, 32), WeightFormat(8, 32))
    assert not list(Export().check(integers))


@pytest.mark.parametrize("changes", [{}, {"attention_bias": True, "mlp_bias": True}], ids=["plain", "biases"])
def test_its_floats_are_exported(changes: dict[str, bool], tmp_path: Path) -> None:
    source = write_model(tmp_path / "model", GRANITE, **changes)
    (tmp_path / "artifact").mkdir()
    build(source, tmp_path / "artifact", tmp_path, lambda message: None)
    facts = verify(tmp_path / "artifact", source, documents=["The quick brown fox."])
    assert facts["logits_max_difference"] <= 1e-3
