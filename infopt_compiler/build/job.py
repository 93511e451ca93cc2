"""One build: its program and everything that its configuration says, as the types that the stages take."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts.store import Store, cache_root
from infopt_compiler.config.settings import apply_target, measure_settings
from infopt_compiler.config.values import decode_quantity, unescape
from infopt_compiler.execute import ExecuteOptions
from infopt_compiler.graph import Again
from infopt_compiler.lock import pinned_digests
from infopt_compiler.measure.records import FreshRecords, Records
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.report.model import place
from infopt_compiler.report.progress import Progress
from infopt_compiler.sema.program import Program
from infopt_compiler.targets import Target, find_target
from infopt_compiler.units import Dimension

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Invocation:
    """What was asked for on the command line. `recipe`: the file as it was named; `overrides`: of the recipe and of the fields
    of groups; `outputs`: the folder that runs of all recipes are in; `folder`: where the report goes, None for `plan` and `lock`."""

    recipe: Path
    overrides: tuple[str, ...]
    outputs: Path
    folder: Path | None = None


@dataclass
class BuildJob:
    """`engine` is the configuration's group of that name."""

    program: Program
    invocation: Invocation
    target: Target
    settings: MeasureSettings
    store: Store
    options: ExecuteOptions
    events: Progress
    engine: dict[str, Any]
    records: Records
    started: float = field(default_factory=time.time)

    @property
    def folder(self) -> Path:
        """The run's folder, of a build."""
        assert self.invocation.folder is not None  # `build` always makes one
        return self.invocation.folder

    @property
    def recipe(self) -> Path:
        return self.invocation.recipe

    @property
    def outputs(self) -> Path:
        """The folder that runs of all recipes are in, and their history."""
        return self.invocation.outputs

    @property
    def overrides(self) -> list[str]:
        return list(self.invocation.overrides)

    @property
    def again(self) -> Again:
        """What is made again although the store has it."""
        engine = self.engine
        since = engine["since"] or self.started
        rebuild, pinned = (
            frozenset(engine["rebuild"]),
            pinned_digests(self.recipe.with_suffix(".lock")) if engine["locked"] else {},
        )
        return Again(rebuild, engine["remeasure"], since, retake=not engine["locked"], pinned=pinned)

    @property
    def words(self) -> tuple[str, ...]:
        """The command line that builds this job again: program, recipe, overrides, and where its folders are."""
        words = ["infopt-compile", str(self.recipe), *self.overrides]
        if self.engine["cache"]:
            words += ["--cache", place(Path(unescape(self.engine["cache"])))]
        if self.outputs.absolute() != Path("outputs").absolute():
            words += ["--outputs", place(self.outputs)]
        return tuple(words)

    @property
    def started_text(self) -> str:
        return datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds")


def open_job(program: Program, config: DictConfig, invocation: Invocation) -> BuildJob:
    """The job of a checked program: `config` says what Hydra chose of target, measure and engine.

    DiagnosticError where the target is unknown.
    """
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    engine = plain["engine"]
    if engine["cache"]:
        os.environ["INFOPT_CACHE"] = unescape(
            engine["cache"]
        )  # sources and the probe, in child processes too
    store = Store(cache_root() / "store")
    target = apply_target(plain, find_target(plain["target"]["name"]))
    return BuildJob(
        program=program,
        invocation=invocation,
        target=replace(target, here=target.here and not engine["predict_only"]),
        settings=measure_settings(plain),
        store=store,
        records=FreshRecords(store) if engine["remeasure"] else store,
        options=_options(engine, invocation.folder),
        events=Progress(sys.stderr, sys.stderr.isatty(), quiet=engine["verbosity"] < 0),
        engine=engine,
    )


def _options(engine: dict[str, Any], folder: Path | None) -> ExecuteOptions:
    return ExecuteOptions(
        seed=engine["seed"],
        threads=engine["threads"],
        hang_seconds=decode_quantity(engine["hang"], Dimension.time).base,
        memory_bytes=decode_quantity(engine["memory"], Dimension.bytes).base if engine["memory"] else 0.0,
        logs=folder / "logs" if folder else None,
    )
