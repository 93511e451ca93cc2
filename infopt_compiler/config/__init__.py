"""Configuration: a checked recipe as OmegaConf, its groups, composition by Hydra. Importing this imports neither."""

from infopt_compiler.config.compose import compose, primary_config, register
from infopt_compiler.config.lower import lower
from infopt_compiler.config.settings import apply_target, measure_settings

__all__ = [
    "apply_target",
    "compose",
    "lower",
    "measure_settings",
    "primary_config",
    "register",
]
