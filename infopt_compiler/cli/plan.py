"""`plan`: what a build would do, without doing it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

from infopt_compiler.cli.composed import composed
from infopt_compiler.cli.jobs import worst
from infopt_compiler.cli.resolve import Combination, combinations
from infopt_compiler.cli.split import Command
from infopt_compiler.cli.terminal import exit_code, say, show_diagnostics
from infopt_compiler.diagnostics import DiagnosticError


def run(command: Command) -> int:
    if command.on("multirun"):
        return _run_sweep(command, combinations(command.words[1:]))
    text, data, code = _plan(command)
    say(json.dumps(data, indent=2) if command.on("json") else text)
    return code


def _plan(command: Command) -> tuple[str, dict[str, Any], int]:
    job = composed(command)
    from infopt_compiler.pipeline import plan

    return plan(job)


def _run_sweep(command: Command, jobs: list[Combination]) -> int:
    """Every job by its overrides, one that is wrong too; the worst decides, as of a build."""
    codes, planned = [], []
    for number, job in enumerate(jobs):
        if not command.on("json"):
            say(("\n" if number else "") + f"job {number}: {job.title}\n")
        sys.stdout.flush()  # what is wrong with the job stands below its line, though on stderr
        text, data, code = _try_plan(replace(command, words=(command.words[0], *job.words)))
        codes.append(code)
        planned.append({"overrides": list(job.own), "exit_code": code, **data})
        if text and not command.on("json"):
            say(text)
    if command.on("json"):
        say(json.dumps({"jobs": planned}, indent=2))
    return worst(codes)


def _try_plan(command: Command) -> tuple[str, dict[str, Any], int]:
    try:
        return _plan(command)
    except DiagnosticError as problem:
        show_diagnostics(problem.diagnostics, no_color=command.on("no_color"))
        return "", {"diagnostics": [d.to_dict() for d in problem.diagnostics]}, exit_code(problem.diagnostics)
