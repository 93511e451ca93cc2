"""Every description against transformers' own modules: names, shapes, biases, numbers of parameters."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from infopt_compiler.architectures import Family, Place, Role, families, read_numbers
from infopt_compiler.artifacts import ModelSpec
from tests.architectures.tiny import model_of, tiny_config

FAMILIES = {family.name: family for family in families()}
BIASES = ({}, {"attention_bias": True}, {"mlp_bias": True}, {"tie_word_embeddings": True})


def described(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Every tensor of the folder by the description."""
    names = spec.family.names
    found: dict[str, tuple[int, ...]] = {f"{names.embedding}.weight": (spec.vocabulary, spec.hidden)}
    for layer in range(spec.layers):
        inside = {f"{name}.weight": shape for name, shape in spec.linear_shapes().items()}
        found |= {
            f"{names.layer(layer)}{name}": shape for name, shape in (inside | spec.float_shapes()).items()
        }
    if names.head and not spec.tied:
        found[f"{names.head}.weight"] = (spec.vocabulary, spec.hidden)
    return found | spec.outer_shapes()


def stored(family: Family, config: Any, folder: Path) -> dict[str, tuple[int, ...]]:
    """Every tensor by transformers: on the meta device; of a mixture, whose experts it holds stacked, as it saves them."""
    options = {"add_pooling_layer": False} if family.embeds else {}
    if family.block.experts:
        model_of(config).save_pretrained(folder)
        with safe_open(folder / "model.safetensors", "pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    with torch.device("meta"):
        model = model_of(config, **options)
    tied = {f"{family.names.head}.weight"} if config.tie_word_embeddings and family.generates else set()
    return {name: tuple(value.shape) for name, value in model.state_dict().items() if name not in tied}


@pytest.mark.parametrize("changes", BIASES, ids=lambda one: next(iter(one), "plain"))
@pytest.mark.parametrize("name", FAMILIES)
def test_tensors_are_those_of_transformers(name: str, changes: dict[str, bool], tmp_path: Path) -> None:
    family = FAMILIES[name]
    config = tiny_config(family, **changes)
    spec = ModelSpec.from_config(config.to_dict())
    theirs = stored(family, config, tmp_path)
    assert described(spec) == theirs
    assert spec.parameters == sum(prod(shape) for shape in theirs.values())
    assert spec.family is family


@pytest.mark.parametrize("name", FAMILIES)
def test_numbers_are_those_of_transformers(name: str) -> None:
    family = FAMILIES[name]
    config = tiny_config(family)
    numbers = read_numbers(family, config.to_dict())
    assert numbers == read_numbers(family, vars(config))
    assert len(numbers.windows) == len(numbers.rotated) == config.num_hidden_layers
    with torch.device("meta"):
        model = model_of(config)
    layer = model.get_submodule(family.names.layer(0).rstrip("."))
    norm = layer.get_submodule(family.block.norms[0].module)
    assert numbers.epsilon == getattr(norm, "variance_epsilon", None) or norm.eps
    assert numbers.activation == config.hidden_act
    if numbers.rope is not None:
        assert numbers.rope.theta == config.rope_parameters["rope_theta"]


@pytest.mark.parametrize("name", FAMILIES)
def test_sites_hold_what_reads_one_input(name: str) -> None:
    """Watched in transformers: the linears of a site get the very same tensor, those of two sites never do."""
    family = FAMILIES[name]
    if family.block.experts:
        pytest.skip("transformers holds the experts of a layer in one module")
    config = tiny_config(family)
    model = model_of(config).eval()
    seen: dict[str, int] = {}
    kept = []
    for linear in family.block.linears():

        def note(_: Any, inputs: tuple[Any, ...], name: str = linear.module) -> None:
            kept.append(inputs[0])
            seen[name] = id(inputs[0])

        model.get_submodule(f"{family.names.layer(0)}{linear.module}").register_forward_pre_hook(note)
    with torch.no_grad():
        model(input_ids=torch.arange(1, 9)[None])
    sites = {}
    for linear in family.block.linears():
        sites.setdefault(linear.site, set()).add(seen[linear.module])
    assert all(len(inputs) == 1 for inputs in sites.values())
    assert len(set.union(*sites.values())) == len(sites)


def test_roles_are_found_by_name() -> None:
    block = FAMILIES["mixtral"].block
    assert block.role_of("block_sparse_moe.experts.7.w3") is Role.up
    assert block.role_of("block_sparse_moe.gate") is Role.router
    assert block.role_of("input_layernorm") is None
    assert FAMILIES["qwen3"].block.norm(Place.query).module == "self_attn.q_norm"
