"""Per step: cached or to run, why, and what it will take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infopt_compiler.artifacts import DataSpec, ModelSpec
from infopt_compiler.artifacts.entry import Entry
from infopt_compiler.artifacts.store import Store
from infopt_compiler.diagnostics import DiagnosticError, error
from infopt_compiler.graph import (
    NEVER,
    Again,
    DataStep,
    Graph,
    Key,
    ModelStep,
    PassStep,
    Step,
    explain,
    step_key,
)
from infopt_compiler.passes.base import Estimate
from infopt_compiler.plan.model import PlanStep, State
from infopt_compiler.plan.specs import input_spec
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.targets.model import Target

# Importing, measured on SmolLM2-135M, two cores: 23 s from GGUF (transformers dequantizes), peak 1.19 GB.
_IMPORT_START_SECONDS = 6.0
_IMPORT_SECONDS_PER_PARAMETER = 1.25e-7
_IMPORT_RSS_BYTES = 650e6  # torch and transformers
# A folder is copied as it is: MiniLM from its wheel took 1.2 s and 75 MB.
_COPY_START_SECONDS, _COPY_RATE, _COPY_RSS_BYTES = 0.6, 150e6, 75e6
_DATA = Estimate(0.3, 30e6, 2e5)


def find_cached(
    graph: Graph, store: Store, target: Target, seed: int, again: Again = NEVER
) -> tuple[dict[str, Entry], dict[str, Key], dict[str, Entry]]:
    """The entries that a build would reuse, the keys of all steps whose inputs are among them, and the entries that a build
    makes again although they are there.

    Nothing is hashed here: the build verifies what it reads. DiagnosticError where a source cannot be identified
    (a missing file).
    """
    entries: dict[str, Entry] = {}
    keys: dict[str, Key] = {}
    remade: dict[str, Entry] = {}
    for step in graph.steps.values():
        if not all(need in entries for need in step.needs):
            continue
        try:
            keys[step.name] = step_key(graph, step, entries, target, seed)
        except SourceError as wrong:
            raise DiagnosticError(wrong.diagnostic(step.span)) from wrong
        except OSError as wrong:  # the cache of digests, or a source that may not be read
            raise DiagnosticError(error("E0810", f"`{step.name}`: {wrong}", step.span)) from wrong
        if (entry := store.peek(keys[step.name].digest)) is not None:
            (entries if again.takes(step, entry) else remade)[step.name] = entry
    return entries, keys, remade


def plan_step(
    graph: Graph,
    step: Step,
    cached: Mapping[str, Entry],
    keys: Mapping[str, Key],
    remade: Mapping[str, Entry],
    before: Mapping[str, Mapping[str, Any] | None],
    specs: Mapping[str, ModelSpec | None],
    target: Target,
    again: Again = NEVER,
) -> PlanStep:
    """`before`: the material of what each binding of this recipe was last."""
    if (entry := cached.get(step.name)) is not None:
        made, size = entry.made, float(entry.size_bytes)
        took = (made.seconds, float(made.peak_rss_bytes), size, entry.digest)
        return PlanStep(step.name, step.pass_name, step.kind, State.cached, (), *took)
    estimate = estimate_step(graph, step, specs, target)
    numbers = (estimate.seconds, estimate.peak_rss_bytes, estimate.disk_bytes) if estimate else (None,) * 3
    if (taken_up := remade.get(step.name)) is not None and again.reason(step) is None:
        why = (f"{taken_up.made.provisional}: taken up again",)
        return PlanStep(step.name, step.pass_name, step.kind, State.provisional, why, *numbers)
    if (key := keys.get(step.name)) is not None:
        asked = again.reason(step)
        because = (asked,) if asked else tuple(explain(key.material, before[step.name]))
        return PlanStep(step.name, step.pass_name, step.kind, State.run, because, *numbers)
    stale = dict.fromkeys(need for need in step.needs if need not in cached)
    because = tuple(f"`{need}` is made anew" for need in stale)
    return PlanStep(step.name, step.pass_name, step.kind, State.follows, because, *numbers)


def estimate_step(
    graph: Graph, step: Step, specs: Mapping[str, ModelSpec | None], target: Target
) -> Estimate | None:
    """None while the model that comes in is not known."""
    if isinstance(step, PassStep):
        incoming = input_spec(graph, step, specs)
        return _estimate_pass(graph, step, incoming, specs, target) if incoming is not None else None
    if not isinstance(step, ModelStep):
        return _DATA
    spec = specs[step.name]
    if spec is None:
        return None
    if not step.declaration.source.endswith(".gguf"):
        copied = float(spec.weight_bytes)
        return Estimate(_COPY_START_SECONDS + copied / _COPY_RATE, _COPY_RSS_BYTES, copied)
    seconds = _IMPORT_START_SECONDS + spec.parameters * _IMPORT_SECONDS_PER_PARAMETER
    return Estimate(seconds, _IMPORT_RSS_BYTES + spec.weight_bytes, float(spec.weight_bytes))


def _estimate_pass(
    graph: Graph, step: PassStep, incoming: ModelSpec, specs: Mapping[str, ModelSpec | None], target: Target
) -> Estimate:
    known: dict[str, ModelSpec] = {}
    data: dict[str, tuple[DataSpec, ...]] = {}
    for argument, names in step.inputs.items():
        steps = [graph.steps[name] for name in names]
        data[argument] = tuple(s.declaration.spec for s in steps if isinstance(s, DataStep))
        spec = specs[names[0]] if names else None
        if spec is not None:
            known[argument] = spec
    return step.instance.estimate_inputs(known, data, target) or step.instance.estimate(incoming, target)
