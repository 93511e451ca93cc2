"""Composition by Hydra: the lowered recipe is the primary config, its groups come from the ConfigStore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from infopt_compiler.config.groups import GROUPS, options
from infopt_compiler.config.lower import lower
from infopt_compiler.config.structured import DataConfig, ModelConfig, ScenarioConfig, node_schema
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from omegaconf import DictConfig

PRIMARY = "recipe"  # the name of the primary config in the ConfigStore
VERSION_BASE = "1.3"

# Hydra says nothing by itself: what happens is told by the build.
_SILENT = [{"override hydra/hydra_logging": "none"}, {"override hydra/job_logging": "none"}]


def primary_config(
    program: Program,
    *,
    engine: Mapping[str, Any] = {},
    hydra: Mapping[str, Any] = {},
) -> DictConfig:
    """The primary config of a build: `engine` sets fields of the engine (the flags of the command line), `hydra` run directories."""
    from omegaconf import OmegaConf

    groups = [{group: getattr(program, group)} for group in GROUPS]
    config: dict[str, Any] = {"defaults": [*groups, "_self_", *_SILENT]}
    config["engine"] = dict(engine)
    for key, value in lower(program).items():
        config[key] = _typed(program, key, value)
    config["hydra"] = {"output_subdir": None, **hydra}
    return OmegaConf.create(config)


def register(config: DictConfig) -> None:
    """Put the groups and the primary config into Hydra's ConfigStore; a later call replaces the primary config."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for group in GROUPS:
        for name, option in options(group).items():
            store.store(group=group, name=name, node=option)
    store.store(name=PRIMARY, node=config)


def compose(
    program: Program,
    overrides: Sequence[str] = (),
    *,
    engine: Mapping[str, Any] = {},
) -> DictConfig:
    """The configuration of one build without `hydra.main`. `overrides` are Hydra's, checked and quoted before."""
    from hydra import compose as hydra_compose
    from hydra import initialize
    from hydra.core.global_hydra import GlobalHydra

    register(primary_config(program, engine=engine))
    GlobalHydra.instance().clear()
    with initialize(config_path=None, version_base=VERSION_BASE):
        composed: DictConfig = hydra_compose(config_name=PRIMARY, overrides=list(overrides))
        return composed


def _typed(program: Program, name: str, values: Any) -> Any:
    """The values under a top-level name with their schema."""
    from omegaconf import OmegaConf

    if name in program.nodes:
        schema: Any = node_schema(find_pass(program.nodes[name].pass_name))
    elif name in program.data:
        schema = DataConfig
    elif name in program.models:
        schema = ModelConfig
    elif name == "scenario":
        return {
            key: OmegaConf.merge(OmegaConf.structured(ScenarioConfig), one) for key, one in values.items()
        }
    else:
        return values
    return OmegaConf.merge(OmegaConf.structured(schema), values)
