"""`check`: every mistake of a recipe, and nothing else. Imports no Hydra, OmegaConf, torch or rich."""

from __future__ import annotations

import json
import sys

from infopt_compiler.cli.jobs import worst
from infopt_compiler.cli.recipe import read_recipe
from infopt_compiler.cli.resolve import Combination, combinations, static_problems
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import exit_code, say, show_diagnostics
from infopt_compiler.diagnostics import (
    Diagnostic,
    DiagnosticError,
    Input,
    Severity,
    diagnostic_annotations,
    render_github,
    render_json,
)


def run(command: Command) -> int:
    try:
        recipe = read_recipe(command.words[0])
        if command.on("multirun"):
            return _run_sweep(command, recipe, combinations(command.words[1:]))
        found = static_problems(recipe, command.words[1:])
    except DiagnosticError as problem:
        found = list(problem.diagnostics)
    if command.on("json"):
        say(render_json(found))
    elif command.text("format") == "github":
        _annotate([found])
    else:
        show_diagnostics(found, no_color=command.on("no_color"))
        if exit_code(found) == 0:
            say(f"{command.words[0]}: no mistakes")
    return exit_code(found)


def _run_sweep(command: Command, recipe: Input, jobs: list[Combination]) -> int:
    """Every job by its overrides. What all have in common is of the recipe, and told once."""
    found = [static_problems(recipe, job.words) for job in jobs]
    common = [d for d in found[0] if all(d in others for others in found[1:])] if len(jobs) > 1 else []
    if command.on("json"):
        say(_sweep_json(jobs, found))
    elif command.text("format") == "github":
        _annotate(found)
    else:
        show_diagnostics(common, no_color=command.on("no_color"))
        for number, (job, problems) in enumerate(zip(jobs, found, strict=True)):
            errors = sum(d.severity is Severity.error for d in problems)
            say(
                f"job {number}: {job.title}: {f'{errors} mistake' + 's' * (errors > 1) if errors else 'no mistakes'}"
            )
            sys.stdout.flush()  # what is wrong with the job stands below its line, though on stderr
            show_diagnostics([d for d in problems if d not in common], no_color=command.on("no_color"))
    return worst([exit_code(problems) for problems in found])


def _annotate(jobs: list[list[Diagnostic]]) -> None:
    for line in render_github(
        {n: diagnostic_annotations(d.to_dict() for d in found) for n, found in enumerate(jobs)}
    ):
        say(line)


def _sweep_json(jobs: list[Combination], found: list[list[Diagnostic]]) -> str:
    pairs = zip(jobs, found, strict=True)
    return json.dumps(
        {"jobs": [{"overrides": list(j.own), **json.loads(render_json(f))} for j, f in pairs]}, indent=2
    )
