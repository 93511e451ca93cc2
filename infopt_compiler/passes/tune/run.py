"""Runs `tune`: search, final check against the untuned artifact, and the artifact with what was chosen."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infopt_compiler.artifacts import Artifact, TextData
from infopt_compiler.artifacts.onnx_view import link_folder
from infopt_compiler.measure.serving.machine_state import glance
from infopt_compiler.passes.base import Earlier, PassError, RunContext
from infopt_compiler.passes.tune.bench import ArtifactBench, short
from infopt_compiler.passes.tune.cost import KlCost, quality_cost
from infopt_compiler.passes.tune.facts import Past, outcome_facts, past_of
from infopt_compiler.passes.tune.kinds import Tunable, tunable_of
from infopt_compiler.passes.tune.note import write_note
from infopt_compiler.passes.tune.parameters import TuneParameters
from infopt_compiler.passes.tune.search import Load, Search, TrialError
from infopt_compiler.passes.tune.settings import Available, Settings, physical_cores
from infopt_compiler.scenario import Scenario

_GLANCES = 3  # all of them busy: no moment's work of another program


def run_tune(
    tune: TuneParameters, ctx: RunContext, model: Artifact, scenario: Scenario, on: TextData | None
) -> dict[str, Any]:
    """Write the tuned artifact into `ctx.staging`; facts hold every trial and decision."""
    kind = tunable_of(model.path)
    _check(kind, tune, scenario)
    past = past_of(ctx.earlier.facts, kind.read(model.path)) if ctx.earlier is not None else None
    if ctx.earlier is not None and past is not None and _is_busy():
        return _keep(ctx, ctx.earlier)
    start = time.monotonic()
    bench = _bench(kind, tune, ctx, model.path, scenario, on, start)
    if ctx.earlier is not None and past is not None:
        bench.costs |= {label: KlCost.of(cost) for label, cost in ctx.earlier.facts.get("kl", {}).items()}
    search = _search(tune, bench, scenario, start, past)
    available = _allowed(kind, tune, model.path)
    predicted = kind.predict(bench.default, available)
    candidates = [predicted] if past is None else [past.chosen, predicted]
    try:
        found = search.run(available, candidates)
    except TrialError as failure:
        raise PassError(f"the artifact cannot be served: {failure}", code="E0746") from failure
    seconds = time.monotonic() - start
    _write(ctx, kind, bench, found.chosen, tune, scenario)
    facts = outcome_facts(search, found, predicted, past)
    return facts | {
        "objective": tune.minimize.value,
        "scenario": asdict(scenario),
        "kl": {label: cost.facts() for label, cost in bench.costs.items()},
        "charged_kl": _charged(bench, found.chosen),
        "search_seconds": seconds,
    }


def _check(kind: Tunable, tune: TuneParameters, scenario: Scenario) -> None:
    """What the checker finds where it knows the model."""
    if tune.minimize.value not in kind.objectives:
        told = f"`minimize = {tune.minimize.value}` is for decoders: this artifact generates nothing"
        raise PassError(told, code="E0746", help=f"write one of {', '.join(kind.objectives)}")
    if tune.minimize.value == "tpot" and scenario.generate < 2:
        raise PassError("`minimize = tpot` needs a scenario of at least two output tokens", code="E0746")


def _is_busy() -> bool:
    return all(glance().is_busy for _ in range(_GLANCES))


def _keep(ctx: RunContext, earlier: Earlier) -> dict[str, Any]:
    """The earlier result once more, where the machine is busy: nothing new could be decided."""
    _empty(ctx.staging)
    link_folder(earlier.path, ctx.staging)
    facts = dict(earlier.facts)
    ctx.log("the machine is busy: the earlier choice stays")
    return facts | {"taken_up_again": True}


def _bench(
    kind: Tunable,
    tune: TuneParameters,
    ctx: RunContext,
    source: Path,
    scenario: Scenario,
    on: TextData | None,
    start: float,
) -> ArtifactBench:
    def report(message: str) -> None:
        ctx.progress(min(tune.seconds, time.monotonic() - start), tune.seconds, message)

    return ArtifactBench(
        source=source,
        default=kind.read(source),
        scenario=scenario,
        objective=tune.minimize,
        scratch=ctx.scratch,
        max_kl=tune.most_kl,
        make_variant=kind.make,
        measure_cost=lambda exact, levels: quality_cost(exact, levels, on, ctx.scratch),
        report=report,
    )


def _search(
    tune: TuneParameters, bench: ArtifactBench, scenario: Scenario, start: float, past: Past | None
) -> Search:
    search = Search(
        bench.default,
        bench,
        time.monotonic,
        deadline=start + tune.seconds,
        load=Load(tune.requests, 1),
        stretch=max(1.0, scenario.generate / max(1, short(scenario).generate)),
        rounds=tune.rounds,
        least_gain=tune.least_gain,
        settled={} if past is None else past.settled,
    )
    if past is not None:
        search.race.known |= past.pairs
    return search


def _allowed(kind: Tunable, tune: TuneParameters, folder: Path) -> Available:
    """What may be tried: with `max_kl = 0 nats` no accuracy level is raised."""
    found = kind.available(folder, tune.threads or physical_cores())
    if tune.most_kl <= 0:
        for name in kind.read(folder).levels:
            found.pop(name, None)
    return found


def _write(
    ctx: RunContext,
    kind: Tunable,
    bench: ArtifactBench,
    chosen: Settings,
    tune: TuneParameters,
    scenario: Scenario,
) -> None:
    """The chosen variant, its note, and the proof that it opens and computes the same."""
    _empty(ctx.staging)  # nothing is resumed: timings of another moment do not pair
    default, source = bench.default, bench.source
    kind.make(source, ctx.staging, default, chosen)
    why = {"objective": tune.minimize.value, "scenario": asdict(scenario)}
    write_note(ctx.staging, chosen, default, why)
    kind.check(ctx.staging, source, same_numbers=not set(chosen.changes(default)) & set(chosen.levels))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _charged(bench: ArtifactBench, chosen: Settings) -> float:
    """Mean KL that the chosen accuracy levels cost, 0 where tune raised none."""
    raised = set(chosen.levels) & set(chosen.changes(bench.default))
    return bench.cost(chosen).mean if raised else 0.0
