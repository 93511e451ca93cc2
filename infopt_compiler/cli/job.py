"""One job of a build: what `hydra.main` runs, in this process or in a worker. Never raises, never exits; leaves `report.json`."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.cli.rundir import SNAPSHOT
from infopt_compiler.cli.terminal import say, show_diagnostics, tell
from infopt_compiler.config.group_overrides import group_value, is_group_field
from infopt_compiler.config.overrides import Override, from_hydra, split_override
from infopt_compiler.config.paths import recipe_path, text_paths
from infopt_compiler.config.rebuild import rebuild
from infopt_compiler.config.spans import unescape
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, error
from infopt_compiler.pipeline import front
from infopt_compiler.report.model import Report, write_json
from infopt_compiler.report.terminal import place
from infopt_compiler.report.values import last_line

if TYPE_CHECKING:
    from omegaconf import DictConfig

Back = Callable[["DictConfig"], None]


def run_job(config: DictConfig, back: Back) -> None:
    """Check the job's own overrides again (a sweeper may invent values), then build."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    try:
        back(_checked(config, folder, list(hydra.overrides.task)))
    except DiagnosticError as problem:
        show_diagnostics(problem.diagnostics, no_color=not config.engine.color)
        _fail(config, folder, list(hydra.overrides.task), problem.diagnostics)
    except Exception as bug:
        log = folder / "log.txt"
        with log.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(bug)))
        tell(f"internal error: {type(bug).__name__}: {bug}; please report it with {log}")
        if config.engine.traceback:
            traceback.print_exc()
        told = error(
            "E0558", f"internal error: {type(bug).__name__}: {bug}", help=f"please report it with {log}"
        )
        _fail(config, folder, list(hydra.overrides.task), (told,))


def _checked(config: DictConfig, folder: Path, task_overrides: list[str]) -> DictConfig:
    """The configuration of the program that the recipe and this job's overrides give. DiagnosticError."""
    recipe = config.engine.recipe
    snapshot = Path(unescape(recipe.folder)) / SNAPSHOT
    text = Input(unescape(recipe.path), snapshot.read_bytes().decode("utf-8"))
    own = _own_overrides(config, task_overrides)
    fields = [override for override in own if is_group_field(override)]
    for override in fields:
        group_value(override)
    overrides = [*recipe.overrides, *(override.text for override in own if override not in fields)]
    program, found = front(text, overrides)
    if program is None:
        raise DiagnosticError(*found)
    return rebuild(config, program, [*overrides, *(field.text for field in fields)], run_dir=str(folder))


def _own_overrides(config: DictConfig, task_overrides: list[str]) -> list[Override]:
    """What this job has besides the overrides that all jobs share, in the recipe's syntax."""
    shared = {override.path for text in config.engine.recipe.overrides if (override := split_override(text))}
    is_text = text_paths(config)
    own = []
    for text in task_overrides:
        override = split_override(text)
        if override is None or recipe_path(config, override.path) in shared:
            continue
        path, value = from_hydra(text, is_text)
        path = recipe_path(config, path)
        own.append(Override(f"{path}={value}", "", path, value))
    return own


def _fail(config: Any, folder: Path, overrides: list[str], problems: tuple[Diagnostic, ...]) -> None:
    """The report of a job that did not get as far as one, and its last line on the terminal."""
    report = Report(
        recipe=config.engine.recipe.name,
        verdict="failed",
        exit_code=1,
        overrides=overrides,
        target={"name": config.target.name},
        diagnostics=[problem.to_dict() for problem in problems],
    ).to_json()
    write_json(folder / "report.json", report)
    say(last_line(report, place(folder)))
