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
from infopt_compiler.config import raise_program
from infopt_compiler.config.settings import apply_target, measure_settings
from infopt_compiler.config.spans import unescape
from infopt_compiler.config.values import decode_quantity
from infopt_compiler.execute import ExecuteOptions
from infopt_compiler.measure.records import FreshRecords, Records
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.report.progress import Progress
from infopt_compiler.sema.program import Program
from infopt_compiler.targets import Target, find_target
from infopt_compiler.units import Dimension

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class BuildJob:
    """`engine` is the configuration's group of that name; `run_dir` is where the report goes, None for `plan` and `lock`."""

    program: Program
    target: Target
    settings: MeasureSettings
    store: Store
    options: ExecuteOptions
    events: Progress
    run_dir: Path | None
    recipe: Path
    engine: dict[str, Any]
    records: Records
    started: float = field(default_factory=time.time)

    @property
    def folder(self) -> Path:
        """The run's folder, of a build."""
        assert self.run_dir is not None  # `build` always makes one
        return self.run_dir

    @property
    def outputs(self) -> Path:
        """The folder that runs of all recipes are in, and their history."""
        return Path(unescape(self.engine["recipe"].get("outputs") or "outputs"))

    @property
    def overrides(self) -> list[str]:
        return list(self.engine["recipe"]["overrides"])

    @property
    def started_text(self) -> str:
        return datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds")


def open_job(config: DictConfig) -> BuildJob:
    """The job of a composed configuration. DiagnosticError where the target is unknown."""
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    engine, folder = plain["engine"], _folder(plain["engine"]["run_dir"])
    if engine["cache"]:
        os.environ["INFOPT_CACHE"] = unescape(
            engine["cache"]
        )  # sources and the probe, in child processes too
    store = Store(cache_root() / "store")
    target = apply_target(plain, find_target(plain["target"]["name"]))
    return BuildJob(
        program=raise_program(config),
        target=replace(target, here=target.here and not engine["predict_only"]),
        settings=measure_settings(plain),
        store=store,
        records=FreshRecords(store) if engine["remeasure"] else store,
        options=_options(engine, folder),
        events=Progress(sys.stderr, sys.stderr.isatty(), quiet=engine["verbosity"] < 0),
        run_dir=folder,
        recipe=Path(unescape(engine["recipe"].get("path", ""))),
        engine=engine,
    )


def _folder(run_dir: str) -> Path | None:
    return Path(unescape(run_dir)) if run_dir else None


def _options(engine: dict[str, Any], folder: Path | None) -> ExecuteOptions:
    return ExecuteOptions(
        seed=engine["seed"],
        threads=engine["threads"],
        hang_seconds=decode_quantity(engine["hang"], Dimension.time).base,
        memory_bytes=decode_quantity(engine["memory"], Dimension.bytes).base if engine["memory"] else 0.0,
        logs=folder / "logs" if folder else None,
    )
