"""Runs `tune`: search, final check against the untuned artifact, and the artifact with what was chosen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import OnnxModel, TextData
from infopt_compiler.artifacts.onnx_view import link_folder
from infopt_compiler.passes.base import PassError, RunContext
from infopt_compiler.passes.tune.artifact import (
    available_values,
    check_artifact,
    make_variant,
    read_settings,
    write_note,
)
from infopt_compiler.passes.tune.bench import ArtifactBench, short
from infopt_compiler.passes.tune.cost import quality_cost
from infopt_compiler.passes.tune.facts import contest_facts, search_facts
from infopt_compiler.passes.tune.parameters import Objective, TuneParameters
from infopt_compiler.passes.tune.race import Contest
from infopt_compiler.passes.tune.search import Load, Search, TrialError
from infopt_compiler.passes.tune.settings import Available, Settings
from infopt_compiler.scenario import Scenario
from infopt_compiler.units import parse_quantity


def run_tune(
    tune: TuneParameters, ctx: RunContext, model: OnnxModel, scenario: Scenario, on: TextData | None
) -> dict[str, Any]:
    """Write the tuned artifact into `ctx.staging`; facts hold every trial and decision."""
    if tune.minimize is Objective.tpot and scenario.generate < 2:
        raise PassError("`minimize = tpot` needs a scenario of at least two output tokens", code="E0746")
    if (model.path / "stages.json").is_file():
        raise PassError("the stages of a sharded model have no settings to tune", code="E0746")
    limit = parse_quantity(tune.time).base
    start = time.monotonic()
    default = read_settings(model.path)
    bench = _bench(tune, ctx, model.path, default, scenario, on, start, limit)
    gain = parse_quantity(tune.gain).base
    search = Search(
        default,
        bench,
        time.monotonic,
        deadline=start + limit,
        load=Load(tune.requests, 1),
        stretch=scenario.generate / short(scenario).generate,
        rounds=tune.rounds,
        least_gain=gain,
    )
    try:
        chosen, decisions = search.run(_allowed(tune, model.path))
        final = search.confirm(chosen) if chosen != default else None
    except TrialError as failure:
        raise PassError(f"the artifact cannot be served: {failure}", code="E0746") from failure
    if decisions and default not in search.screened:
        raise PassError(f"the artifact cannot be served: {decisions[0].reason}", code="E0746")
    note = None
    if final is not None and final.difference >= 0:
        note = f"the final check did not confirm {chosen.label(default)}: the artifact is left as it was"
        ctx.log(note)
        chosen = default
    seconds = time.monotonic() - start
    _write(ctx, model.path, default, chosen, tune, scenario)
    facts = search_facts(search, default, decisions)
    facts |= {
        "objective": tune.minimize.value,
        "scenario": asdict(scenario),
        "chosen": asdict(chosen),
        "changed": chosen.changes(default),
        "final_check": None if final is None else {**contest_facts(final), "verdict": _verdict(final)},
        "kl": {label: cost.facts() for label, cost in bench.costs.items()},
        "charged_kl": _charged(bench, default, chosen),
        "search_seconds": seconds,
    }
    return facts if note is None else {**facts, "note": note}


def _verdict(final: Contest) -> str:
    """A single pair (the untuned artifact is slow) has no interval, and its difference alone confirms."""
    return "not confirmed" if final.difference >= 0 else "confirmed"


def physical_cores() -> int:
    """Physical cores that this process may use."""
    import psutil

    logical = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(logical, psutil.cpu_count(logical=False) or logical))


def _bench(
    tune: TuneParameters,
    ctx: RunContext,
    source: Path,
    default: Settings,
    scenario: Scenario,
    on: TextData | None,
    start: float,
    limit: float,
) -> ArtifactBench:
    def report(message: str) -> None:
        ctx.progress(min(limit, time.monotonic() - start), limit, message)

    return ArtifactBench(
        source=source,
        default=default,
        scenario=scenario,
        objective=tune.minimize,
        scratch=ctx.scratch,
        max_kl=parse_quantity(tune.max_kl).base,
        measure_cost=_cost_of(on, ctx.scratch),
        report=report,
    )


def _cost_of(on: TextData | None, scratch: Path) -> Callable[[Path, Path], Any]:
    return lambda exact, levels: quality_cost(exact, levels, on, scratch)


def _allowed(tune: TuneParameters, folder: Path) -> Available:
    """What may be tried: with `max_kl = 0 nats` no accuracy level is raised."""
    found = available_values(folder, tune.threads or physical_cores())
    if parse_quantity(tune.max_kl).base <= 0:
        found.pop("accuracy_level", None)
        found.pop("head_accuracy_level", None)
    return found


def _write(
    ctx: RunContext,
    source: Path,
    default: Settings,
    chosen: Settings,
    tune: TuneParameters,
    scenario: Scenario,
) -> None:
    """The chosen variant, its note, and the proof that it opens and decodes."""
    import shutil

    shutil.rmtree(
        ctx.staging, ignore_errors=True
    )  # nothing is resumed: timings of another moment do not pair
    ctx.staging.mkdir(parents=True)
    if chosen == default:
        link_folder(source, ctx.staging)
    else:
        make_variant(source, ctx.staging, default, chosen)
    write_note(
        ctx.staging,
        chosen,
        default,
        {"objective": tune.minimize.value, "scenario": asdict(scenario)},
    )
    changed = set(chosen.changes(default))
    check_artifact(ctx.staging, source, same_numbers=not changed & {"accuracy_level", "head_accuracy_level"})


def _charged(bench: ArtifactBench, default: Settings, chosen: Settings) -> float:
    """Mean KL that the chosen accuracy levels cost, 0 where tune raised none."""
    levels = {"accuracy_level", "head_accuracy_level"} & set(chosen.changes(default))
    return bench.cost(chosen).mean if levels else 0.0
