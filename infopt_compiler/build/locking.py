"""The lock file of a build: written into every run's folder, and compared with where `--locked` asks for it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from infopt_compiler.build.assemble import LIBRARIES, Findings
from infopt_compiler.build.job import BuildJob
from infopt_compiler.diagnostics import DiagnosticError, Note, error
from infopt_compiler.graph import Graph, PassStep, step_key
from infopt_compiler.graph.keys import library_versions
from infopt_compiler.lock import differences, lock_text, read_lock
from infopt_compiler.report.model import write_text
from infopt_compiler.sources import SourceError

_SHOWN = 10  # differences that are told one by one


def lock_path(job: BuildJob) -> Path:
    """`recipes/chat.opt` → `recipes/chat.lock`."""
    return job.recipe.with_suffix(".lock")


def write_lock_of(job: BuildJob, found: Findings, path: Path) -> None:
    write_text(path, lock_text(_lock(job, found)))


def check_lock_before(job: BuildJob, graph: Graph) -> None:
    """With `--locked`: versions, parameters and sources must be the lock's before anything runs. DiagnosticError E0812."""
    if not job.engine["locked"]:
        return
    try:
        lock = read_lock(lock_path(job))
    except FileNotFoundError:
        help = f"write it first: `infopt-compile lock {job.recipe}`"
        raise DiagnosticError(error("E0811", f"there is no lock file {lock_path(job)}", help=help)) from None
    except ValueError as damage:
        raise DiagnosticError(
            error("E0811", str(damage), help="write it again: `infopt-compile lock`")
        ) from None
    now, sources = _before(job, graph), _sources(job, graph)
    then = lock.get("steps") or {}
    old = {name: {"material": (then.get(name) or {}).get("material")} for name in sources}
    new = {name: {"material": material} for name, material in sources.items()}
    _refuse({**{key: lock.get(key) for key in now}, "steps": old}, {**now, "steps": new})


def _sources(job: BuildJob, graph: Graph) -> dict[str, Any]:
    """What enters the key of each source, such as the digest of a file: known before anything runs."""
    found = {}
    for step in graph.steps.values():
        if not isinstance(step, PassStep):
            try:
                found[step.name] = step_key(graph, step, {}, job.target, job.options.seed).material
            except SourceError as wrong:
                raise DiagnosticError(wrong.diagnostic(step.span)) from wrong
    return found


def check_lock(job: BuildJob, found: Findings) -> None:
    """Write the run's own lock; with `--locked` every source and artifact must have the lock's digest. E0812."""
    new = _lock(job, found)
    write_text(job.folder / "recipe.lock", lock_text(new))
    if job.engine["locked"]:
        _refuse({"steps": read_lock(lock_path(job)).get("steps")}, {"steps": new["steps"]})


def _refuse(old: dict[str, Any], new: dict[str, Any]) -> None:
    lines = differences(old, new)
    if lines:
        notes = tuple(Note(line) for line in lines[:_SHOWN])
        message = f"this build differs from its lock file in {len(lines)} places"
        raise DiagnosticError(
            error("E0812", message, notes=notes, help="go back, or write a new lock: `infopt-compile lock`")
        )


def _before(job: BuildJob, graph: Graph) -> dict[str, Any]:
    return {
        "graph": {step["name"]: step for step in graph.to_json()["steps"]},
        "libraries": library_versions(LIBRARIES),
        "python": platform.python_version(),
        "seed": job.options.seed,
    }


def _lock(job: BuildJob, found: Findings) -> dict[str, Any]:
    assert found.graph is not None
    steps = {
        name: {
            "digest": entry.digest,
            "material": entry.made.material,
            "source": _source_facts(entry.made.facts),
        }
        for name, entry in found.execution.entries.items()
    }
    return {"recipe": job.program.recipe, **_before(job, found.graph), "steps": steps}


def _source_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What was fetched: wheel and its hash, revision and commit, hash of a text."""
    return {
        key: value
        for key, value in facts.items()
        if key in ("source", "wheel", "wheel_sha256", "commit", "revision", "sha256")
    }
