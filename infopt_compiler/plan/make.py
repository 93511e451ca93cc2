"""The plan of a build. Imports neither torch nor Hydra, fetches nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.artifacts.store import Store
from infopt_compiler.budget import Earlier
from infopt_compiler.graph import NEVER, Again, Graph
from infopt_compiler.measure.job import Figure
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.metrics import Needs
from infopt_compiler.plan.bounds import Known, plan_bounds
from infopt_compiler.plan.model import Plan
from infopt_compiler.plan.outlines import plan_outlines
from infopt_compiler.plan.rates import plan_rates
from infopt_compiler.plan.specs import plan_specs
from infopt_compiler.plan.steps import find_cached, plan_step
from infopt_compiler.sema.program import Program
from infopt_compiler.targets import SeenError, Target, error_key, seen_errors

Past = Mapping[str, Mapping[Figure, Earlier]]  # by budget
QUANTITIES = ("seconds", "peak_rss_bytes", "disk_bytes")  # of a step: what is estimated and measured


def make_plan(
    program: Program,
    graph: Graph,
    store: Store,
    target: Target,
    settings: MeasureSettings | None = None,
    seed: int = 0,
    earlier: Callable[[Mapping[str, str]], Past | None] | None = None,
    again: Again = NEVER,
) -> Plan:
    """What a build would do on this store; `earlier` gives what bounds `of last` are held to, from the digests of
    what is cached; `again`: what is made again although the store has it. DiagnosticError where a source cannot be identified (a missing file)."""
    cached, keys, remade = find_cached(graph, store, target, seed, again)
    latest: dict[str, Entry] = {entry.made.name: entry for entry in store.entries()}
    specs = plan_specs(graph, {**remade, **cached}, target)
    steps = tuple(
        plan_step(graph, step, cached, keys, latest, specs, target, again) for step in graph.steps.values()
    )
    seen = seen_errors()
    steps = tuple(replace(step, seen=_of_pass(step.pass_name, seen)) for step in steps)
    past = earlier({name: entry.digest for name, entry in cached.items()}) if earlier is not None else {}
    bounds = plan_bounds(Known(program, specs, target, plan_rates(program, specs, target), seen, past))
    seconds = _measure_seconds(program, settings) if settings is not None and target.here else 0.0
    return Plan(
        program.recipe, target.name, steps, bounds, seconds, plan_outlines(program, graph, specs, target)
    )


def _of_pass(name: str, seen: Mapping[str, SeenError]) -> dict[str, SeenError]:
    """The errors seen of a pass's estimates, by quantity."""
    known = {quantity: seen.get(error_key(name, quantity)) for quantity in QUANTITIES}
    return {quantity: error for quantity, error in known.items() if error is not None}


def _measure_seconds(program: Program, settings: MeasureSettings) -> float:
    """Each budget with a bound on requests may use the settings' time, and each budget that of attribution."""
    timed = [
        budget
        for budget in program.budgets.values()
        if any(bound.definition.needs is Needs.scenario for bound in budget.bounds)
    ]
    attribution = settings.attribution_seconds * settings.attribution * len(program.budgets)
    return settings.seconds * len(timed) + attribution
