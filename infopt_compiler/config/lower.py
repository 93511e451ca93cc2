"""Lowering: a checked recipe as plain configuration values, for Hydra to override and to show. A build works on the program itself."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from infopt_compiler.budget.bound import Bound
from infopt_compiler.config.structured import default_of, is_variadic, pass_fields
from infopt_compiler.config.values import fraction_text, token_text
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import Budget, DataDecl, Node, Program


def lower(program: Program) -> dict[str, Any]:
    """Every binding at top level under its name; `scenario`, `budget`.

    Values are plain (enums by name, quantities as canonical text). The options of groups come by composition.
    """
    config: dict[str, Any] = {model.name: {"source": model.source} for model in program.models.values()}
    config |= {data.name: _data(data) for data in program.data.values()}
    config["scenario"] = {name: _scenario(scenario) for name, scenario in program.scenarios.items()}
    config |= {node.name: _node(node) for node in program.nodes.values()}
    config["budget"] = {name: _budget(budget) for name, budget in program.budgets.items()}
    return config


def bound_keys(budget: Budget) -> Iterator[tuple[str, Bound]]:
    """Each bound with its path below `budget.<name>`: `ttft.p95`, or `perplexity_2` for the second one on a metric.

    A value and its parts cannot share a key (`throughput` and `throughput.total`), so then the value's key ends in `_1`.
    """
    names = [bound.name for bound in budget.bounds]
    seen: dict[str, int] = {}
    for bound in budget.bounds:
        seen[bound.name] = count = seen.get(bound.name, 0) + 1
        split = any(name.startswith(f"{bound.name}.") for name in names)
        yield (bound.name if count == 1 and not split else f"{bound.name}_{count}"), bound


def limit_text(bound: Bound) -> str:
    """`600 ms`, `105% of base`."""
    return f"{bound.limit} of {bound.relative_to}" if bound.relative_to else str(bound.limit)


def plain_value(value: Any) -> Any:
    """A parameter as the configuration holds it: enums by name."""
    if isinstance(value, enum.Enum):
        return value.name
    return [plain_value(item) for item in value] if isinstance(value, list | tuple) else value


def _data(data: DataDecl) -> dict[str, Any]:
    return {
        "source": data.source,
        "start": fraction_text(data.start),
        "stop": fraction_text(data.stop),
        "window": token_text(data.spec.window),
        "sample": data.spec.sample,
        "seed": data.spec.seed,
        "field": data.field,
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "prompt": token_text(scenario.prompt),
        "generate": token_text(scenario.generate),
        "batch": scenario.batch,
        "context": token_text(scenario.context),
        "utilization": scenario.utilization,
        "mode": scenario.mode.name,
        "rate": f"{scenario.rate!r} req/s",
        "concurrency": scenario.concurrency,
        "prompts": scenario.prompts,
    }


def _node(node: Node) -> dict[str, Any]:
    pass_class = find_pass(node.pass_name)
    config: dict[str, Any] = {"pass": node.pass_name}
    for argument, kind in pass_class.inputs.items():
        names = node.inputs.get(argument, ())
        config[argument] = list(names) if is_variadic(kind) else next(iter(names), None)
    for name, spec in pass_fields(pass_class).items():
        config[name] = _enum_name(spec, node.parameters.get(name, default_of(spec)))
    return config


def _enum_name(spec: Any, value: Any) -> Any:
    """Enums by name, also where the checker gives their value."""
    default = default_of(spec)
    if isinstance(default, enum.Enum) and not isinstance(value, enum.Enum):
        return type(default)(value).name
    return plain_value(value)


def _budget(budget: Budget) -> dict[str, Any]:
    config: dict[str, Any] = {"subject": budget.subject, "under": budget.scenario}
    for key, bound in bound_keys(budget):
        *parents, last = key.split(".")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = limit_text(bound)
    return config
