"""One job of a build: what `hydra.main` runs, in this process or in a worker. Never raises, never exits; leaves `report.json`."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.build.job import Invocation
from infopt_compiler.cli.rundir import SNAPSHOT
from infopt_compiler.cli.terminal import say, show_diagnostics, tell
from infopt_compiler.config.group_overrides import group_value, is_group_field, with_unit
from infopt_compiler.config.overrides import Override, from_hydra, split_override
from infopt_compiler.config.paths import config_path, recipe_path, text_paths
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, error
from infopt_compiler.pipeline import front
from infopt_compiler.report.files import failed_report, write_report
from infopt_compiler.report.model import place
from infopt_compiler.report.values import last_line
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Shared:
    """What all jobs of one command line have in common. `program` is the checked one (of a sweep: with its first combination
    that passes), `overrides` are the recipe's that all jobs share; `folder` holds the recipe as it was read; `jobs`: how
    many a sweep has, None where that is not known, `swept` the paths that differ."""

    program: Program
    recipe: Path
    overrides: tuple[str, ...]
    outputs: Path
    folder: Path
    jobs: int | None = None
    swept: tuple[str, ...] = ()


Back = Callable[[Program, "DictConfig", Invocation], None]
"""Builds one job of the checked program; the configuration says what Hydra chose of target, measure and engine."""


def run_job(config: DictConfig, shared: Shared, back: Back) -> float:
    """Check the job's own overrides again (a sweeper may invent values), then build. Gives what a sweeper that learns minimizes."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    hydra = HydraConfig.get()
    folder, words = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
    if hydra.mode is RunMode.MULTIRUN and config.engine.verbosity >= 0:
        tell(_job_line(shared, hydra.job.num, words))
    try:
        program, overrides = _checked(shared, words)
        back(program, config, Invocation(shared.recipe, overrides, shared.outputs, folder))
    except DiagnosticError as problem:
        show_diagnostics(problem.diagnostics, no_color=not config.engine.color)
        _fail(shared, config, folder, words, problem.diagnostics)
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
        _fail(shared, config, folder, words, (told,))
    return objective(folder)


def objective(folder: Path) -> float:
    """How near the worst bound is to its limit, from the job's report: 1 is at the limit, less is better.

    Of an upper bound value over limit, of a lower one limit over value, and the difference where the limit is zero or less; a
    bound with `warn`, and one that has nothing to be held to yet, does not count. A bound without a value is as bad as can
    be, and so is a job without a bound.
    """
    try:
        bounds = json.loads((folder / "report.json").read_text("utf-8")).get("bounds", [])
    except (OSError, ValueError):
        return math.inf
    judged = [b for b in bounds if b.get("severity") == "error" and b.get("verdict") != "baseline"]
    return max((_share(b.get("value"), b.get("limit"), b["operator"]) for b in judged), default=math.inf)


def _share(value: float | None, limit: float | None, operator: str) -> float:
    """1 at the limit, more beyond it, and never less for a worse value."""
    if value is None or limit is None:
        return math.inf
    upper = operator.startswith("<")
    if limit <= 0:
        return 1 + (value - limit if upper else limit - value)
    if upper:
        return value / limit
    return limit / value if value > 0 else math.inf


def _job_line(shared: Shared, number: int, words: list[str]) -> str:
    """`job 1 of 0 to 3: q.bits=8`, numbered as the jobs' folders are."""
    found = (split_override(word) for word in words)
    own = [word.text for word in found if word and (not shared.swept or word.path in shared.swept)]
    of = f" of 0 to {shared.jobs - 1}" if shared.jobs else ""
    return f"job {number}{of}: {' '.join(own)}"


def _checked(shared: Shared, words: list[str]) -> tuple[Program, tuple[str, ...]]:
    """The program that the recipe and this job's overrides give, and all of these. DiagnosticError."""
    own = _own_overrides(shared, words)
    fields = [override for override in own if is_group_field(override)]
    for override in fields:
        group_value(override)
    swept = [override.text for override in own if override not in fields]
    overrides = (*shared.overrides, *swept)
    if not swept:
        return shared.program, (*overrides, *(field.text for field in fields))
    text = Input(str(shared.recipe), (shared.folder / SNAPSHOT).read_bytes().decode("utf-8"))
    program, found = front(text, overrides)
    if program is None:
        raise DiagnosticError(*found)
    return program, (*overrides, *(field.text for field in fields))


def _own_overrides(shared: Shared, words: list[str]) -> list[Override]:
    """What this job has besides the overrides that all jobs share, in the recipe's syntax."""
    given = (override.path for text in shared.overrides if (override := split_override(text)))
    known = {recipe_path(shared.program, config_path(shared.program, path)) for path in given}
    is_text = text_paths(shared.program)
    own = []
    for text in words:
        override = split_override(text)
        if override is None or recipe_path(shared.program, override.path) in known:
            continue
        path, value = from_hydra(text, is_text)
        path = recipe_path(shared.program, path)
        own.append(with_unit(Override(f"{path}={value}", "", path, value)))
    return own


def _fail(
    shared: Shared, config: Any, folder: Path, overrides: list[str], problems: tuple[Diagnostic, ...]
) -> None:
    """The report of a job that did not get as far as one, and its last line on the terminal."""
    words = [str(shared.recipe), *overrides]
    report = failed_report(shared.program.recipe, words, problems, target=config.target.name)
    write_report(report, folder)
    say(last_line(report, place(folder)))
