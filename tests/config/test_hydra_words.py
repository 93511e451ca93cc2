"""Of Hydra's own keys only launcher, sweeper and their plain options pass."""

from __future__ import annotations

import pytest

from infopt_compiler.config.hydra_words import PLUGINS, check_hydra_words, hydra_word, is_hydra
from infopt_compiler.config.overrides import split_override

ALLOWED = [
    "hydra/launcher=basic",
    "hydra/sweeper=basic",
    "hydra.sweeper.max_batch_size=2",
    "++hydra.sweeper.max_batch_size=2",
]
REFUSED = [
    "+hydra.callbacks.x._target_=os.system",
    "++hydra.callbacks.x._target_=os.system",
    "hydra.callbacks={x: {_target_: os.system}}",
    "hydra/callbacks=x",
    "hydra.launcher._target_=os.system",
    "+hydra.launcher._target_=os.system",
    "hydra.launcher.x._target_=os.system",
    "hydra.launcher={_target_: os.system}",
    "hydra.launcher.n_jobs={_target_: os.system}",
    "hydra.launcher.ray.init.runtime_env.py_executable=evil",
    "hydra.sweeper._target_=os.system",
    "hydra.sweeper.params={hydra.callbacks.x._target_: os.system}",
    "+hydra.sweeper.params.x=1",
    "~hydra.launcher",
    "~hydra",
    "hydra=x",
    "hydra/launcher@x=basic",
    "+hydra/launcher=basic",
    "hydra@x=y",
    "hydra.run.dir=/tmp/x",
    "hydra.sweep.dir=/tmp/x",
    "hydra.job.chdir=true",
    "hydra.searchpath=[file:///tmp]",
    "hydra.output_subdir=x",
    "hydra.verbose=true",
    "hydra.mode=MULTIRUN",
    "hydra/job_logging=stdout",
    "hydra/hydra_logging=default",
    "hydra.job.env_set.LD_PRELOAD=evil.so",
]


def _codes(*words):
    return [problem.code for problem in check_hydra_words([split_override(word) for word in words])]


@pytest.mark.parametrize("word", ALLOWED)
def test_allowed(word):
    assert _codes(word) == []


@pytest.mark.parametrize("word", REFUSED)
def test_refused(word):
    override = split_override(word)
    assert is_hydra(override)
    assert _codes(word) == ["E0505"]


@pytest.mark.parametrize("name", [n for n, plugin in PLUGINS["launcher"].items() if n != "basic"])
def test_a_launcher_that_is_not_installed_says_what_to_install(name, monkeypatch):
    monkeypatch.setattr("infopt_compiler.config.hydra_words.find_spec", lambda module: None)
    (problem,) = check_hydra_words([split_override(f"hydra/launcher={name}")])
    assert (problem.code, problem.help) == ("E0507", PLUGINS["launcher"][name].install)


def test_the_ray_launcher_is_an_extra_of_ours():
    assert PLUGINS["launcher"]["ray"].install == "pip install 'infopt-compiler[ray]'"


def test_an_unknown_launcher():
    (problem,) = check_hydra_words([split_override("hydra/launcher=rai")])
    assert problem.help == "did you mean `ray`?"


def test_options_belong_to_the_chosen_plugin(monkeypatch):
    monkeypatch.setattr("infopt_compiler.config.hydra_words._is_installed", lambda module: True)
    assert _codes("hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2") == []
    assert _codes("hydra/launcher=joblib", "hydra.launcher.n_jobs=2") == []
    assert _codes("hydra/launcher=ray", "hydra.launcher.n_jobs=2") == ["E0505"]
    assert _codes("hydra.launcher.n_jobs=2") == ["E0505"]


def test_options_are_forced_since_plugins_leave_some_out_of_their_schema():
    words = [split_override("hydra/launcher=ray"), split_override("hydra.launcher.ray.init.num_cpus=2")]
    assert [hydra_word(word) for word in words] == [
        "hydra/launcher=ray",
        "++hydra.launcher.ray.init.num_cpus=2",
    ]
