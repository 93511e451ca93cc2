"""Composition keeps types; groups come with their options."""

from __future__ import annotations

import pickle

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from infopt_compiler.config import compose
from infopt_compiler.config.groups import GROUPS, options


def test_a_quoted_value_gets_the_type_of_its_parameter(program):
    q = compose(program, ["q.bits='8'", "q.symmetric='true'", "q.damp='0.5'", "q.method='rtn'"]).q
    assert (q.bits, q.symmetric, q.damp, q.method.name) == (8, True, 0.5, "rtn")


@pytest.mark.parametrize("override", ["q.bits='x'", "q.method='gpt'", "q.bitz=3", "calib.sample='many'"])
def test_hydra_too_refuses_what_the_schema_does_not_hold(program, override):
    with pytest.raises(HydraException):
        compose(program, [override])


def test_groups(program):
    config = compose(program)
    assert (config.target.name, config.measure.name, config.engine.name) == ("h100", "quick", "local")
    assert config.target.memory == "80 GB"
    assert compose(program, ["target=cpu"]).target.memory is None  # probed when it is needed


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_has_its_own_name(group):
    assert all(option.name == name for name, option in options(group).items())


def test_engine_settings_reach_the_configuration(program):
    config = compose(program, engine={"predict_only": True})
    assert config.engine.predict_only is True


def test_a_configuration_can_be_pickled_for_a_worker(program):
    cloudpickle = pytest.importorskip("cloudpickle")
    config = compose(program)
    copy = pickle.loads(cloudpickle.dumps(config))
    assert OmegaConf.to_yaml(copy) == OmegaConf.to_yaml(config)
