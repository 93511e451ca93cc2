"""What was predicted before a build against what it then measured, for the report and for the plans to come."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infopt_compiler.build.assemble import Findings
from infopt_compiler.build.job import BuildJob
from infopt_compiler.plan import QUANTITIES
from infopt_compiler.targets import error_key, record_errors

_SHOWN = ("ttft.p50", "tpot.p50", "forward.p50", "latency.p50", "throughput", "samples", "memory.peak", "memory.steady", "size")  # fmt: skip


def predictions(job: BuildJob, found: Findings) -> list[dict[str, Any]]:
    """Rows of report.json's `predictions`; their errors are kept for this machine's plans."""
    rows = [*_passes(found), *_bounds(job, found)]
    with contextlib.suppress(OSError):  # a cache that cannot be written ends a build elsewhere, not here
        record_errors({"key": error_key(_kept_under(row), row["quantity"]), **row} for row in rows)
    return [{key: value for key, value in row.items() if key != "pass"} for row in rows]


def _kept_under(row: dict[str, Any]) -> str:
    return row["pass"] if row["what"] == "pass" else "bound"


def _passes(found: Findings) -> Iterator[dict[str, Any]]:
    for run in found.execution.runs:
        step = found.planned.get(run.name)
        if run.cached or step is None or found.graph is None:
            continue
        measured = (run.seconds, run.peak_rss_bytes, _own_bytes(found, run.name))
        for quantity, value in zip(QUANTITIES, measured, strict=True):
            if (expected := getattr(step, quantity)) is not None and value:
                yield {"pass": run.pass_name, **_row("pass", run.name, quantity, expected, float(value))}


def _own_bytes(found: Findings, name: str) -> int:
    """Bytes that a step added to the disk: of its files those that are not links to files of its inputs."""
    entries = found.execution.entries
    needs = found.graph.steps[name].needs if found.graph else ()
    shared = {_place(file) for need in needs for file in entries[need].files.rglob("*")}
    files = [file for file in entries[name].files.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files if _place(file) not in shared)


def _place(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino


def _bounds(job: BuildJob, found: Findings) -> Iterator[dict[str, Any]]:
    """Of every budget that was measured here: the shown metrics of its subject, as plan.json predicted them before any pass ran."""
    if found.plan is None or not job.target.here:
        return
    for name, evaluation in found.evaluations.items():
        budget = job.program.budgets[name]
        expected = found.plan.predicted[name]
        values = {v.metric: v.interval.value for v in evaluation.values if v.subject == budget.subject}
        for metric in _SHOWN:
            if metric in expected and values.get(metric):
                yield _row("bound", name, metric, expected[metric].value, float(values[metric] or 0.0))


def _row(what: str, name: str, quantity: str, predicted: float, measured: float) -> dict[str, Any]:
    row = {"what": what, "name": name, "quantity": quantity, "predicted": predicted, "measured": measured}
    return {**row, "error": predicted / measured - 1}
