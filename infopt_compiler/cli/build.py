"""`build`: checks, then lets Hydra compose and run the jobs, reads their reports and gives the worst one's exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.build.job import Invocation
from infopt_compiler.cli.job import Back, Shared, run_job
from infopt_compiler.cli.jobs import read_job, sweep_jobs, worst
from infopt_compiler.cli.recipe import read_recipe
from infopt_compiler.cli.resolve import Resolved, resolve
from infopt_compiler.cli.rundir import create_run_dir
from infopt_compiler.cli.settings import engine_settings
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.summary import show_summary, write_summary
from infopt_compiler.cli.terminal import exit_code, say, show_diagnostics, tell
from infopt_compiler.config.compose import PRIMARY, VERSION_BASE, primary_config, register
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Input, error, render_github
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from omegaconf import DictConfig


def run(command: Command, back: Back | None = None) -> int:
    """`back` builds one job (the pipeline's unless given)."""
    multirun = command.on("multirun")
    recipe, resolved = _resolve(command)
    show_diagnostics(resolved.warnings, no_color=command.on("no_color"))
    if command.on("cfg") or command.on("info"):
        return _show(command, resolved)
    folder = create_run_dir(outputs_of(command), resolved.program.recipe, recipe)
    shared = Shared(
        resolved.program,
        Path(recipe.name),
        resolved.fixed,
        outputs_of(command).absolute(),
        folder,
        resolved.jobs,
        resolved.swept,
    )

    def task(config: DictConfig) -> float:
        return run_job(config, shared, back or _pipeline_back)

    try:
        _hydra_main(command, _primary(command, resolved, folder), resolved, task)
    except DiagnosticError as problem:
        if not multirun or not any(sweep_jobs(folder, None)):
            _leave_refusal(command, folder, problem.diagnostics)
            raise
        show_diagnostics(
            problem.diagnostics, no_color=command.on("no_color")
        )  # the jobs that ran still count
    return _finish(command, resolved, folder)


def _resolve(command: Command) -> tuple[Input, Resolved]:
    """The recipe and what the words behind it make of it. What is refused leaves a report, too: `latest` must not show that
    of a build before."""
    name, recipe = command.words[0], None
    try:
        recipe = read_recipe(name)
        return recipe, resolve(recipe, command.words[1:], multirun=command.on("multirun"))
    except DiagnosticError as problem:
        known = recipe is not None or (outputs_of(command) / Path(name).stem).is_dir()
        if known and not command.on("cfg") and not command.on("info"):  # a mistyped file gets no folder
            folder = create_run_dir(outputs_of(command), Path(name).stem, recipe or Input(name, ""))
            _leave_refusal(command, folder, problem.diagnostics)
        raise


def _leave_refusal(command: Command, folder: Path, problems: Sequence[Diagnostic]) -> None:
    """The report of a recipe, or of words behind it, that nothing was built from."""
    from infopt_compiler.report.files import failed_report, write_report

    report = failed_report(Path(command.words[0]).stem, command.words, problems, exit_code(problems))
    write_report(report, folder)
    _annotate(command, {0: report})


def _annotate(command: Command, reports: dict[int, dict[str, Any] | None]) -> None:
    """`--format github`, of the jobs' reports by their numbers."""
    if command.text("format") == "github":
        from infopt_compiler.report.github import annotate

        jobs = {number: list(annotate(report)) if report else [] for number, report in reports.items()}
        for line in render_github(jobs):
            say(line)


def outputs_of(command: Command) -> Path:
    """The folder of runs and of their history."""
    return Path(command.text("outputs") or "outputs").expanduser()


def _pipeline_back(program: Program, config: DictConfig, invocation: Invocation) -> None:
    from infopt_compiler.build.job import open_job
    from infopt_compiler.pipeline import back

    back(open_job(program, config, invocation))


def _primary(command: Command, resolved: Resolved, folder: Path | None) -> DictConfig:
    """The primary config of this run: the lowered recipe, the options, and where Hydra writes."""
    hydra: dict[str, Any] = {"job": {"name": resolved.program.recipe}}
    if folder is not None:
        hydra |= {"run": {"dir": str(folder)}}
        hydra |= {"sweep": {"dir": str(folder), "subdir": "${hydra.job.num}"}}
    engine = engine_settings(command, resolved.program)
    return primary_config(resolved.program, engine=engine, hydra=hydra)


def _show(command: Command, resolved: Resolved) -> int:
    """`--cfg` and `--info`: Hydra prints, nothing is built."""
    with _logging_kept():
        _hydra_main(command, _primary(command, resolved, None), resolved, lambda config: None)
    return 0


def _hydra_main(
    command: Command, primary: DictConfig, resolved: Resolved, task: Callable[[DictConfig], float | None]
) -> None:
    """Call `hydra.main` with a command line of ours. What Hydra refuses is a diagnostic, never a traceback of its own."""
    import hydra

    register(primary)
    with hydra_refusals(), _argv([*_hydra_flags(command), *resolved.hydra]):
        hydra.main(config_path=None, config_name=PRIMARY, version_base=VERSION_BASE)(task)()


@contextmanager
def hydra_refusals() -> Iterator[None]:
    """What Hydra, or a launcher of it, refuses becomes a diagnostic; jobs themselves never raise."""
    try:
        yield
    except Exception as problem:
        cause = f": {problem.__cause__}" if problem.__cause__ else ""
        text = f"{type(problem).__name__}: {problem}{cause}".strip()
        raise DiagnosticError(error("E0554", f"Hydra cannot go on: {text}")) from problem


def _hydra_flags(command: Command) -> Iterator[str]:
    if command.on("multirun"):
        yield "--multirun"
    if command.on("resolve"):
        yield "--resolve"
    for key in ("cfg", "package", "info"):
        value = command.text(key)
        if value is not None:
            yield f"--{key}={value}"


@contextmanager
def _logging_kept() -> Iterator[None]:
    """`--info` turns the logging of the whole process on; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def _argv(words: list[str]) -> Iterator[None]:
    """`hydra.main` reads `sys.argv`; with this variable set it raises instead of printing and exiting."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [argv[0], *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _finish(command: Command, resolved: Resolved, folder: Path) -> int:
    jobs = list(sweep_jobs(folder, resolved.jobs)) if command.on("multirun") else [read_job(0, folder)]
    for job in jobs:
        if job.report is None:
            show_diagnostics(
                [
                    error(
                        "E0556",
                        f"job {job.number} left no report in {job.folder}",
                        help=f"see {job.folder / 'log.txt'}",
                    )
                ],
                no_color=command.on("no_color"),
            )
    _annotate(command, {job.number: job.report for job in jobs})
    if command.on("multirun"):
        write_summary(jobs, resolved.swept, folder, resolved.program.recipe)
        show_summary(jobs, resolved.swept, folder, no_color=command.on("no_color"))
    if not jobs:
        tell(f"the sweep ran no job; its folder is {folder}")
    return worst([job.exit_code for job in jobs])
