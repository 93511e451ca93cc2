from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from infopt_compiler import plugins
from infopt_compiler.architectures import Ability, able, families, family_of, find_family
from infopt_compiler.architectures.families import llama
from infopt_compiler.architectures.keys import Keys, config_keys
from infopt_compiler.architectures.registry import ENTRY_POINT_GROUP
from infopt_compiler.plugins import BadPlugin

OURS = replace(llama.FAMILY, name="acme", classes=("AcmeForCausalLM",))
OTHER_NAME = replace(llama.FAMILY, name="acme-two")


@pytest.fixture
def installed(monkeypatch):
    """Entry points as an installed package would have them: name → value."""

    def install(*points: tuple[str, str]) -> None:
        found = EntryPoints(EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in points)
        monkeypatch.setattr(plugins, "entry_points", lambda: found)
        plugins.forget()

    yield install
    monkeypatch.undo()
    plugins.forget()


def test_by_model_type_then_by_class() -> None:
    assert find_family("qwen3").name == "qwen3"
    assert family_of({"architectures": ["MistralForCausalLM"]}).name == "mistral"
    assert family_of({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}).name == "unknown"
    assert not any(find_family("gpt2").can(ability) for ability in Ability)


def test_a_name_from_a_stranger_imports_nothing() -> None:
    assert find_family("os").name == find_family("..registry").name == "unknown"


def test_who_can_do_what() -> None:
    assert "bert" not in {one.name for one in able(Ability.shard)}
    assert "mixtral" not in {one.name for one in able(Ability.quantize)}
    assert {"llama", "bert"} <= {one.name for one in able(Ability.quantize)}


def test_a_package_adds_a_family(installed) -> None:
    installed(("acme", f"{__name__}:OURS"))
    assert find_family("acme") is OURS
    assert family_of({"architectures": ["AcmeForCausalLM"]}) is OURS
    assert OURS in families()


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([("llama", f"{__name__}:OURS")], "there twice"),
        ([("acme", f"{__name__}:OURS"), ("acme", "elsewhere:OURS")], "there twice"),
        ([("acme", "no.such.module:OURS")], "cannot be imported"),
        ([("acme", f"{__name__}:OTHER_NAME")], "calls itself `acme-two`"),
        ([("acme", f"{__name__}:pytest")], "no `Family`"),
    ],
)
def test_what_a_package_does_wrong_is_told_and_the_rest_works(installed, points, said) -> None:
    installed(*points)
    with pytest.raises(BadPlugin, match=said):
        find_family(points[0][0])
    assert find_family("qwen3").name == "qwen3"
    assert "qwen3" in {one.name for one in families()}


def test_optimum_names_the_keys_that_it_knows() -> None:
    assert config_keys(Keys(), "gpt2").heads == "n_head"
    assert config_keys(Keys(), "bloom").layers == "n_layer"
    assert config_keys(Keys(heads="nheads"), "acme").heads == "nheads"
    assert config_keys(Keys(), "vit") == config_keys(Keys(), "llama") == Keys()
