"""`report DIR`: a run's report again, or the summary of a sweep; report.html is drawn anew from report.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infopt_compiler.cli.jobs import Job, no_report_hint, read_job, sweep_jobs
from infopt_compiler.cli.split import Command, at
from infopt_compiler.cli.terminal import say, tell, wants_color
from infopt_compiler.diagnostics import DiagnosticError, error


def run(command: Command) -> int:
    folder = Path(command.words[0])
    jobs = [read_job(0, folder)]
    if jobs[0].report is None:
        jobs = list(sweep_jobs(folder, None)) if folder.is_dir() else []
    if not any(job.report for job in jobs):
        place = at(command.words[0])
        raise DiagnosticError(error("E0557", f"no report in `{folder}`", place, help=no_report_hint(folder)))
    if command.on("json"):
        reports = [job.report for job in jobs]
        say(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2, ensure_ascii=False))
    else:
        _show(jobs, folder, command.on("no_color"))
        _draw(jobs)
    return 0


def _draw(jobs: list[Job]) -> None:
    """A report of an earlier version gets today's page; a folder that cannot be written keeps what it has."""
    from infopt_compiler.report.html import html
    from infopt_compiler.report.model import write_text

    for job in jobs:
        if job.report is not None:
            try:
                write_text(job.folder / "report.html", html(job.report))
            except OSError as problem:
                tell(f"{job.folder / 'report.html'} was not written: {problem.strerror or problem}")
            except (KeyError, TypeError) as missing:
                tell(f"{job.folder / 'report.html'} was not drawn: report.json is not whole ({missing})")


def _show(jobs: list[Job], folder: Path, no_color: bool) -> None:
    if len(jobs) > 1 or jobs[0].folder != folder:
        from infopt_compiler.cli.summary import show_summary

        show_summary(jobs, (), folder, no_color=no_color)
        return
    from rich.console import Console

    from infopt_compiler.report.terminal import show

    assert jobs[0].report is not None  # the caller saw it
    console = Console(file=sys.stdout, no_color=not wants_color(sys.stdout, no_color), highlight=False)
    show(jobs[0].report, str(folder), console)
