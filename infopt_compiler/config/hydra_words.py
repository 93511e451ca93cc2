"""What of Hydra's own keys a command line may set: the launcher, the sweeper and their plain options. All else could run code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from infopt_compiler.config.overrides import Override
from infopt_compiler.diagnostics import Diagnostic, Input, Span, did_you_mean, error


@dataclass(frozen=True)
class Plugin:
    """`module` must be there; else `install` says how to get it. `options` may be set below `hydra.<kind>.`; a sweeper that is
    `continuous` chooses values between the ends of an `interval`."""

    module: str
    install: str
    options: tuple[str, ...] = ()
    continuous: bool = False


_RAY = tuple(
    f"ray.{part}"
    for part in (
        "init.num_cpus",
        "init.num_gpus",
        "init.object_store_memory",
        "init.include_dashboard",
        "remote.num_cpus",
        "remote.num_gpus",
        "remote.memory",
        "remote.max_calls",
        "remote.max_retries",
    )
)

PLUGINS: dict[str, dict[str, Plugin]] = {
    "launcher": {
        "basic": Plugin("hydra", ""),
        "ray": Plugin("hydra_plugins.hydra_ray_launcher", "pip install 'infopt-compiler[ray]'", _RAY),
        "joblib": Plugin(
            "hydra_plugins.hydra_joblib_launcher",
            "pip install hydra-joblib-launcher",
            ("n_jobs", "backend", "prefer", "verbose", "timeout", "pre_dispatch", "batch_size"),
        ),
    },
    "sweeper": {
        "basic": Plugin("hydra", "", ("max_batch_size",)),
        "optuna": Plugin(
            "hydra_plugins.hydra_optuna_sweeper",
            "pip install hydra-optuna-sweeper",
            ("n_trials", "n_jobs", "direction", "study_name", "max_failure_rate"),
            continuous=True,
        ),
    },
}

# What people reach for, and what gives it here.
_INSTEAD = {
    "run": "the run folder is made below `--outputs DIR`",
    "sweep": "the run folder is made below `--outputs DIR`",
    "verbose": "use `--verbose`",
    "mode": "use `-m`",
}
_PLAIN = re.compile(r"[\w.+-]+")
_CHOICE = re.compile(r"hydra/(launcher|sweeper)")
_OPTION = re.compile(r"hydra\.(launcher|sweeper)\.(.+)")


def tries_intervals(overrides: Sequence[Override]) -> bool:
    """Whether the sweeper that these overrides of Hydra's keys choose takes an `interval`."""
    chosen = [o.value or "" for o in overrides if o.path == "hydra/sweeper"]
    plugin = PLUGINS["sweeper"].get(chosen[-1] if chosen else "basic")
    return plugin is not None and plugin.continuous


def is_hydra(override: Override) -> bool:
    return override.head == "hydra"


def check_hydra_words(overrides: Sequence[Override]) -> list[Diagnostic]:
    """Why overrides of Hydra's keys are refused, one diagnostic each; empty if all may pass."""
    chosen = dict.fromkeys(PLUGINS, "basic")
    for override in overrides:
        if choice := _CHOICE.fullmatch(override.path):
            chosen[choice[1]] = override.value or ""
    found = (_problem(override, chosen) for override in overrides)
    return [problem for problem in found if problem is not None]


def hydra_word(override: Override) -> str:
    """The override as Hydra takes it: some plugins leave options out of their schema, so options are forced."""
    forced = "" if _CHOICE.fullmatch(override.path) else "++"
    return f"{forced}{override.path}={override.value}"


def _problem(override: Override, chosen: dict[str, str]) -> Diagnostic | None:
    choice = _CHOICE.fullmatch(override.path)
    if choice and override.operator == "":
        return _check_plugin(override, choice[1])
    option = _OPTION.fullmatch(override.path)
    if option is None or override.operator not in ("", "++") or not _is_option(*option.groups()):
        return _refused(override)
    kind, name = option.groups()
    plugin = PLUGINS[kind].get(chosen[kind])
    if plugin is not None and name not in plugin.options:
        owners = ", ".join(f"`hydra/{kind}={n}`" for n, p in PLUGINS[kind].items() if name in p.options)
        return error(
            "E0505",
            f"the {kind} `{chosen[kind]}` has no option `{name}`",
            _span(override),
            help=f"{owners} has it",
        )
    if not _PLAIN.fullmatch(override.value or ""):
        return error(
            "E0505",
            f"`{override.path}` takes a number or a word here",
            _span(override),
            help="write for example `hydra.launcher.n_jobs=2`",
        )
    return None


def _is_option(kind: str, name: str) -> bool:
    return any(name in plugin.options for plugin in PLUGINS[kind].values())


def _check_plugin(override: Override, kind: str) -> Diagnostic | None:
    name = override.value or ""
    plugin = PLUGINS[kind].get(name)
    if plugin is None:
        return error(
            "E0507", f"unknown {kind} `{name}`", _span(override), help=did_you_mean(name, PLUGINS[kind])
        )
    if not _is_installed(plugin.module):
        return error("E0507", f"the {kind} `{name}` is not installed", _span(override), help=plugin.install)
    return None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _refused(override: Override) -> Diagnostic:
    part = re.split(r"[./@=]", override.path.removeprefix("hydra"), maxsplit=2)
    instead = _INSTEAD.get(part[1] if len(part) > 1 else "")
    allowed = "allowed are `hydra/launcher`, `hydra/sweeper` and their plain options"
    return error(
        "E0505",
        f"`{override.path}` may not be set",
        _span(override),
        help=f"{instead}; {allowed}" if instead else allowed,
    )


def _span(override: Override) -> Span:
    return Span(Input("command line", override.text), 0, len(override.text))
