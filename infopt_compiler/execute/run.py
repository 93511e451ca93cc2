"""Running a graph: every step from the store if it is there, else by a worker, in topological order.

Serial on purpose: on one machine two passes would compete for the same cores, and passes that time something
must not run beside others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact
from infopt_compiler.artifacts.durable import write_json
from infopt_compiler.artifacts.entry import Entry, Made
from infopt_compiler.artifacts.store import Store
from infopt_compiler.diagnostics import Diagnostic, DiagnosticError, Severity, error, warning
from infopt_compiler.execute.events import Events
from infopt_compiler.execute.failure import Interrupted, diagnose, diagnose_os_error, goes_on
from infopt_compiler.execute.job import read_input
from infopt_compiler.execute.make_job import make_job, work_of
from infopt_compiler.execute.options import ExecuteOptions
from infopt_compiler.execute.process import Outcome, run_worker
from infopt_compiler.graph import NEVER, Again, Graph, Key, PassStep, Step, step_key
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.targets.model import Target


@dataclass(frozen=True)
class PassRun:
    """One step of a build. `seconds` and `peak_rss_bytes` are what making the artifact took, in this build or, where
    `cached`, in the one that made it; `provisional` says why the artifact is not final."""

    name: str
    pass_name: str
    kind: str
    cached: bool
    seconds: float
    peak_rss_bytes: int
    digest: str
    size_bytes: int
    key: str
    facts: dict[str, Any]
    provisional: str | None = None

    def to_json(self) -> dict[str, Any]:
        data = {name: value for name, value in self.__dict__.items() if name != "pass_name"}
        return {**data, "pass": self.pass_name}


@dataclass
class Execution:
    """What a build made, step by step, and what went wrong; after an error the steps behind it are missing."""

    entries: dict[str, Entry] = field(default_factory=dict)
    runs: list[PassRun] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def artifacts(self) -> dict[str, Artifact]:
        return {name: entry.artifact for name, entry in self.entries.items()}

    @property
    def failed(self) -> bool:
        return any(found.severity is Severity.error for found in self.diagnostics)


def run_graph(
    graph: Graph,
    store: Store,
    target: Target,
    options: ExecuteOptions,
    events: Events,
    before_compute: Callable[[], None] | None = None,
    again: Again = NEVER,
) -> Execution:
    """Make every step; stops at the first that fails (what finished stays in the store). Ctrl-C passes through.

    `before_compute` is called once before the first pass that is not cached; a DiagnosticError of it ends the build. `again`:
    the steps that the store has and that are done again all the same.
    """
    build = _Build(graph, store, target, options, events, Execution(), before_compute, again)
    try:
        with store.using():
            for step in graph.steps.values():
                build.make(step)
    except DiagnosticError as failure:
        build.execution.diagnostics += failure.diagnostics
    except OSError as wrong:
        build.execution.diagnostics.append(diagnose_os_error(None, wrong))
    return build.execution


@dataclass
class _Build:
    graph: Graph
    store: Store
    target: Target
    options: ExecuteOptions
    events: Events
    execution: Execution
    before_compute: Callable[[], None] | None = None
    again: Again = NEVER

    def about_to_compute(self, step: Step) -> None:
        if self.before_compute is not None and isinstance(step, PassStep):
            check, self.before_compute = self.before_compute, None
            check()

    def make(self, step: Step) -> None:
        """Find or make the artifact of a step whose inputs are there; DiagnosticError where that fails."""
        try:
            key = step_key(self.graph, step, self.execution.entries, self.target, self.options.seed)
            entry, cached = self.find(step, key.digest), True
            if entry is None:
                self.about_to_compute(step)
                with self.store.lock(key.digest, lambda: self.waiting(step)):
                    entry = self.find(step, key.digest)
                    if entry is None:
                        entry, cached = self.run(step, key), False
        except SourceError as wrong:
            raise DiagnosticError(wrong.diagnostic(step.span)) from wrong
        except OSError as wrong:
            raise DiagnosticError(diagnose_os_error(step, wrong)) from wrong
        if cached:
            self.events.step_cached(step.name)
        self.store.note_used(self.graph.identity, step.name, entry)
        self.tell_provisional(step, entry)
        self.execution.entries[step.name] = entry
        self.execution.runs.append(_pass_run(step, entry, cached))

    def find(self, step: Step, key: str) -> Entry | None:
        entry = self.store.find(key, self.warn, self.again.pinned.get(step.name))
        return entry if entry is not None and self.again.takes(step, entry) else None

    def taken_up(self, step: Step, key: str) -> Entry | None:
        """What the store has of the step and is not final: the run goes on from it."""
        entry = self.store.peek(key)
        if entry is None or self.again.reason(step) is not None or not self.again.takes_up(entry):
            return None
        return entry

    def tell_provisional(self, step: Step, entry: Entry) -> None:
        if (reason := entry.made.provisional) is not None:
            told = f"`{step.name}` ({step.pass_name}) is not final: {reason}"
            again = "the next build takes it up again, from what was found; with `--locked` it stays as it is"
            self.warn(warning("E0813", told, step.span, help=again))

    def warn(self, found: Diagnostic) -> None:
        """Told once, by whoever asked for the execution: with its place and help, behind the progress."""
        self.execution.diagnostics.append(found)

    def waiting(self, step: Step) -> None:
        self.events.warning(f"another build makes `{step.name}`; waiting for it")

    def run(self, step: Step, key: Key) -> Entry:
        """Run the worker of a step and commit what it wrote."""
        started, earlier = time.monotonic(), self.taken_up(step, key.digest)
        if self.again.reason(step) is not None:
            self.store.discard(key.digest)  # again means from the beginning
        where = self.resumes_at(step, key.digest)
        how = f", resumed at {where}" if where else ", taken up again" if earlier else ""
        self.events.step_started(step.name, _detail(step) + how)
        try:
            outcome, log = self.work(step, key.digest, earlier)
            seconds = time.monotonic() - started
            if outcome.result is None:
                return self.after_failure(step, key.digest, outcome, log, earlier)
            again = earlier is not None or self.again.reason(step) is not None
            entry = self.commit(step, key, outcome, seconds, replace=again)
        except OSError:
            self.store.discard(key.digest)
            raise
        except KeyboardInterrupt:
            raise Interrupted(self.after_interruption(step, key.digest)) from None
        finally:
            self.store.end_scratch(key.digest)
        self.events.step_finished(step.name, seconds)
        return entry

    def after_failure(
        self, step: Step, key: str, outcome: Outcome, log: Path, earlier: Entry | None
    ) -> Entry:
        """Of a step that was taken up again the store has a result, if not a final one: that is used, and the failure told.
        Else DiagnosticError."""
        self.clear(key, outcome)
        told = diagnose(step, outcome, self.options, log, self.resumes_at(step, key))
        if earlier is None or (entry := self.store.find(key, self.warn)) is None:
            raise DiagnosticError(told)
        help = "the result that the store has is used; the next build takes it up again"
        self.warn(replace(told, severity=Severity.warning, help=help))
        return entry

    def resumes_at(self, step: Step, key: str) -> str | None:
        """Where a run would go on with what an interrupted one staged; None: it begins anew."""
        staged = self.store.staged(key)
        if staged is None or not isinstance(step, PassStep):
            return None
        given = work_of(self.graph, step, self.execution.entries)["inputs"]
        inputs = {argument: read_input(data) for argument, data in given.items()}
        try:
            return step.instance.resumes_at(staged, inputs)
        except (OSError, ValueError, KeyError):
            return None  # what is there cannot be read: the pass itself will say so

    def after_interruption(self, step: Step, key: str) -> str:
        """What becomes of the step, as the end of a sentence."""
        if self.store.peek(key) is not None:  # it was rebuilt, or what is not final taken up
            return f"`{step.name}` ({step.pass_name}) was being made again: the store has what it had"
        return f"`{step.name}` ({step.pass_name}) {goes_on(self.resumes_at(step, key))}"

    def work(self, step: Step, key: str, earlier: Entry | None) -> tuple[Outcome, Path]:
        logs = self.options.logs or self.store.root / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{step.name}.log"
        staging, scratch = self.store.stage(key), self.store.scratch(key)
        (scratch / "work").mkdir()
        inputs: Mapping[str, Entry] = self.execution.entries
        folders = (staging, scratch / "work")
        job = make_job(self.graph, step, inputs, folders, self.target, self.options, os.getpid(), earlier)
        write_json(scratch / "job.json", job.to_json())
        return run_worker(scratch / "job.json", scratch / "work", log, self.options, self.events), log

    def clear(self, key: str, outcome: Outcome) -> None:
        """Keep what was staged only where the run was cut off from outside (then the next one resumes there), or where
        the pass says so."""
        if outcome.error is not None and not outcome.error.get("keep"):
            self.store.discard(key)

    def commit(self, step: Step, key: Key, outcome: Outcome, seconds: float, *, replace: bool) -> Entry:
        staged = self.store.stage(key.digest)
        if not any(path.is_file() for path in staged.rglob("*")):
            self.store.discard(key.digest)
            told = f"`{step.name}` ({step.pass_name}) ended without an error and wrote nothing"
            raise DiagnosticError(error("E0809", told, step.span))
        facts, peak = outcome.result or {}, outcome.peak_rss_bytes
        made = Made(step.name, step.output.kind, key.material, facts, seconds, peak, self.graph.recipe)
        return self.store.commit(key.digest, made, replace=replace)


def _pass_run(step: Step, entry: Entry, cached: bool) -> PassRun:
    made = entry.made
    return PassRun(
        step.name,
        step.pass_name,
        step.kind,
        cached,
        made.seconds,
        made.peak_rss_bytes,
        entry.digest,
        entry.size_bytes,
        entry.key,
        made.facts,
        made.provisional,
    )


def _detail(step: Step) -> str:
    source = getattr(getattr(step, "declaration", None), "source", None)
    return f"{step.pass_name} {source}" if source else step.pass_name
