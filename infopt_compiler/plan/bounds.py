"""Per bound: what the prediction says, and whether arithmetic proves that it cannot be met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.budget import Bound, Earlier, holds
from infopt_compiler.measure.job import Figure
from infopt_compiler.plan.model import Outlook, PlanBound
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Budget, Program
from infopt_compiler.targets import Predicted, Rates, SeenError, Target, error_key, floor, predict, sizes
from infopt_compiler.units import Dimension, human


@dataclass(frozen=True)
class Known:
    """What predictions are made from: the program, the models' shapes, the machine, its kernels, past errors. `stored`: values of
    artifacts that are there (binding → metric → value), which are facts and no predictions."""

    program: Program
    specs: Mapping[str, ModelSpec | None]
    target: Target
    rates: Rates | None = None
    seen: Mapping[str, SeenError] = field(default_factory=dict)
    earlier: Mapping[str, Mapping[Figure, Earlier]] | None = field(
        default_factory=dict
    )  # by budget; None: unreadable
    stored: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def plan_bounds(known: Known) -> tuple[PlanBound, ...]:
    return tuple(
        replace(row, seen=_seen(known, row))
        for budget in known.program.budgets.values()
        for row in (_plan_bound(known, budget, bound) for bound in budget.bounds)
    )


def _seen(known: Known, row: PlanBound) -> SeenError | None:
    """Errors were seen on this machine, so they say nothing of another; nor of what is no prediction."""
    is_exact = row.value is not None and row.low == row.high
    return known.seen.get(error_key("bound", row.metric)) if known.target.here and not is_exact else None


def predicted_values(known: Known, budget: Budget, subject: str) -> dict[str, Predicted]:
    """Every metric of `subject` under the budget's scenario by arithmetic; empty while its shapes are not known."""
    spec = known.specs.get(subject)
    return {} if spec is None else _predicted(known, budget, spec)


def _value(known: Known, budget: Budget, subject: str, metric: str) -> Predicted | None:
    """What the store knows, else what arithmetic gives."""
    exact = known.stored.get(subject, {}).get(metric)
    if exact is not None:
        return Predicted(exact, exact, exact, "of the artifact in the store")
    return predicted_values(known, budget, subject).get(metric)


def _least(known: Known, budget: Budget, metric: str) -> float | None:
    """What nothing can beat."""
    spec = known.specs.get(budget.subject)
    return None if spec is None else _floor(known, budget, spec).get(metric)


def _plan_bound(known: Known, budget: Budget, bound: Bound) -> PlanBound:
    blank = PlanBound(
        budget.name,
        budget.subject,
        bound.name,
        _text(bound),
        bound.severity.value,
        Outlook.unknown,
        "",
        span=bound.span,
    )
    spec = known.specs.get(budget.subject)
    if bound.of_last:
        return _of_last(known, budget, bound, blank)
    found = _value(known, budget, budget.subject, bound.name)
    if found is None:
        unknown, measured = (
            "the model's shapes are not known before it is fetched",
            "measured: arithmetic does not give it",
        )
        return replace(blank, why=unknown if spec is None else measured)
    limit, why = _limit(known, budget, bound)
    if limit is None:
        return replace(blank, why=why)
    row = _judge(blank, bound, limit, found, _least(known, budget, bound.name))
    if row.outlook is Outlook.unreachable and spec is not None:
        return replace(row, why=_proof(bound, limit, row, spec, known.target))
    return row


def _of_last(known: Known, budget: Budget, bound: Bound, blank: PlanBound) -> PlanBound:
    """The limit of a bound `of last` is a measured value, known before anything is made."""
    if known.earlier is None:
        return replace(blank, why="the history of builds cannot be read")
    earlier = known.earlier.get(budget.name, {}).get(bound.figure)
    if earlier is None:
        return replace(blank, why="no earlier build to compare with: this one is what the next is held to")
    limit = bound.limit.base * earlier.spread.value
    measured = human(earlier.spread.value, bound.definition.dimension)
    blank = replace(blank, limit=limit, why=f"{measured} by the {earlier.text}")
    spec = known.specs.get(budget.subject)
    found = _value(known, budget, budget.subject, bound.name)
    if found is None or not known.target.here:
        return blank
    row = _judge(blank, bound, limit, found, _least(known, budget, bound.name))
    proven = row.outlook is Outlook.unreachable
    why = _proof(bound, limit, row, spec, known.target) if proven and spec is not None else row.why
    return replace(row, why=f"{blank.why}; {why}")


def _judge(blank: PlanBound, bound: Bound, limit: float, found: Predicted, least: float | None) -> PlanBound:
    known = replace(
        blank,
        limit=limit,
        value=found.value,
        low=found.low,
        high=found.high,
        floor=least,
        why=found.arithmetic,
    )
    inside = holds(bound.operator, found.value, limit)
    is_fact = found.low == found.high  # which no arithmetic contradicts
    # A limit relative to a binding rests on a prediction itself, so it proves nothing.
    proves = least is not None and bound.beside is None and not holds(bound.operator, least, limit)
    if proves and not (is_fact and inside):
        return replace(known, outlook=Outlook.unreachable)
    return replace(known, outlook=Outlook.meets if inside else Outlook.misses)


def _proof(bound: Bound, limit: float, known: PlanBound, spec: ModelSpec, target: Target) -> str:
    """The arithmetic that puts a bound out of reach, in words."""
    least = human(known.floor or 0.0, bound.definition.dimension)
    weights = human(spec.bytes_per_token, Dimension.bytes)
    if bound.metric in ("tpot", "itl", "decode"):
        seconds = 1 / limit if bound.metric == "decode" else limit
        rate = (spec.bytes_per_token - target.cache_bytes) / seconds
        return (
            f"every token reads {weights} of weights, of which caches hold {human(target.cache_bytes, Dimension.bytes)}: "
            f"the bound needs {rate / 1e9:.3g} GB/s from memory, `{target.name}` gives {target.bandwidth / 1e9:.3g}"
        )
    if bound.definition.dimension is Dimension.bytes:
        return f"the weights alone take {least}"
    word = "at least" if bound.is_upper else "at most"
    return (
        f"{word} {least} by {weights} of weights per token and the arithmetic alone; predicted: {known.why}"
    )


def _limit(known: Known, budget: Budget, bound: Bound) -> tuple[float | None, str]:
    """The absolute limit in base units, or None and why it is not known."""
    if bound.relative_to is None:
        return bound.limit.base, ""
    reference = _value(known, budget, bound.relative_to, bound.name)
    if reference is None:
        return None, f"the shapes of `{bound.relative_to}` are not known before it is fetched"
    return bound.limit.base * reference.value, ""


def _predicted(known: Known, budget: Budget, spec: ModelSpec) -> dict[str, Predicted]:
    if budget.scenario is None:
        return sizes(spec)
    return predict(spec, known.target, known.program.scenarios[budget.scenario], known.rates)


def _floor(known: Known, budget: Budget, spec: ModelSpec) -> dict[str, float]:
    if budget.scenario is None:
        found = floor(spec, known.target, Scenario())
        return {name: found[name] for name in sizes(spec)}
    return floor(spec, known.target, known.program.scenarios[budget.scenario])


def _text(bound: Bound) -> str:
    """The bound as it is written."""
    parts = [bound.name, bound.operator.value, str(bound.limit)]
    for word, name in (("of", bound.relative_to), ("vs", bound.reference), ("on", bound.on)):
        parts += [word, name] if name is not None else []
    if bound.confidence is not None:
        parts.append(f"at {bound.confidence * 100:g}% confidence")
    return " ".join(parts)
