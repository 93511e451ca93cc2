"""The plan of a build. Imports neither torch nor Hydra, fetches nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from infopt_compiler.artifacts import Data, ModelSpec
from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.artifacts.store import Store
from infopt_compiler.budget import Earlier
from infopt_compiler.graph import NEVER, Again, Graph
from infopt_compiler.measure.files.instrument import value_of
from infopt_compiler.measure.job import Figure
from infopt_compiler.measure.settings import MeasureSettings
from infopt_compiler.metrics import Needs
from infopt_compiler.plan.bounds import Known, plan_bounds, predicted_values
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
    what is cached; `again`: what is made again although the store has it. DiagnosticError where a source cannot be identified
    (a missing file)."""
    cached, keys, remade = find_cached(graph, store, target, seed, again)
    specs = plan_specs(graph, {**remade, **cached}, target)
    before = {name: store.last_used(graph.identity, name) for name in graph.steps}
    steps = tuple(
        plan_step(graph, step, cached, keys, remade, before, specs, target, again)
        for step in graph.steps.values()
    )
    seen = seen_errors()
    steps = tuple(replace(step, seen=_of_pass(step.pass_name, seen)) for step in steps)
    past = earlier({name: entry.digest for name, entry in cached.items()}) if earlier is not None else {}
    rates = plan_rates(program, specs, target)
    known = Known(program, specs, target, rates, seen, past, _stored(cached, specs))
    seconds = _measure_seconds(program, settings) if settings is not None and target.here else 0.0
    outlines = plan_outlines(program, graph, specs, target)
    predicted = {
        name: predicted_values(known, budget, budget.subject) for name, budget in program.budgets.items()
    }
    return Plan(program.recipe, target.name, steps, plan_bounds(known), seconds, outlines, predicted)


def _stored(
    cached: Mapping[str, Entry], specs: Mapping[str, ModelSpec | None]
) -> dict[str, dict[str, float]]:
    """What the store knows of models, which nobody has to predict: binding → metric → value."""
    found: dict[str, dict[str, float]] = {}
    for name, entry in cached.items():
        if not isinstance(entry.artifact, Data):
            bits = value_of("bits_per_weight", entry.artifact, specs.get(name)).value
            found[name] = {"size": float(entry.size_bytes)} | (
                {} if bits is None else {"bits_per_weight": bits}
            )
    return found


def _of_pass(name: str, seen: Mapping[str, SeenError]) -> dict[str, SeenError]:
    """The errors seen of a pass's estimates, by quantity."""
    known = {quantity: seen.get(error_key(name, quantity)) for quantity in QUANTITIES}
    return {quantity: error for quantity, error in known.items() if error is not None}


def _measure_seconds(program: Program, settings: MeasureSettings) -> float:
    """Each budget with a bound on requests may use the settings' time, and each with a scenario or a text that of attribution."""
    seconds = 0.0
    for budget in program.budgets.values():
        needs = {bound.definition.needs for bound in budget.bounds}
        seconds += settings.seconds * (Needs.scenario in needs)
        if settings.attribution and (budget.scenario is not None or Needs.data in needs):
            seconds += settings.attribution_seconds
    return seconds
