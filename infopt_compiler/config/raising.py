"""Raising: the checked recipe back from a composed configuration. Inverse of `lower`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infopt_compiler.artifacts import DataSpec
from infopt_compiler.budget.bound import Bound, BoundSeverity, Operator
from infopt_compiler.config.spans import SourceMap, read_source_map
from infopt_compiler.config.structured import default_of, is_variadic, pass_fields
from infopt_compiler.config.values import decode_fraction, decode_quantity, decode_tokens
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.scenario import Scenario, ScenarioMode
from infopt_compiler.sema.program import Budget, DataDecl, ModelDecl, Node, Program

if TYPE_CHECKING:
    from omegaconf import DictConfig


def raise_program(config: DictConfig | Mapping[str, Any]) -> Program:
    """The program of a composed configuration: `raise_program(compose(p)) == p`, spans too if it has a source map."""
    plain = _container(config)
    recipe, spans = plain["engine"]["recipe"], read_source_map(plain)
    return Program(
        recipe=recipe["name"],
        models={name: ModelDecl(name, plain[name]["source"], spans.get(name)) for name in recipe["models"]},
        data={name: _data(name, plain[name], spans) for name in recipe["data"]},
        scenarios={name: _scenario(name, values) for name, values in plain["scenario"].items()},
        nodes={
            name: _node(name, plain[name], recipe["set"].get(name, []), spans) for name in recipe["nodes"]
        },
        budgets={name: _budget(name, plain, spans) for name in plain["budget"]},
        target=plain["target"]["name"],
        measure=plain["measure"]["name"],
        engine=plain["engine"]["name"],
        input=spans.recipe,
    )


def _container(config: Any) -> dict[str, Any]:
    if isinstance(config, dict):
        return config
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _data(name: str, values: dict[str, Any], spans: SourceMap) -> DataDecl:
    spec = DataSpec(decode_tokens(values["window"]), values["sample"], values["seed"])
    start, stop = decode_fraction(values["start"]), decode_fraction(values["stop"])
    return DataDecl(name, values["source"], start, stop, spec, values["field"], spans.get(name))


def _scenario(name: str, values: dict[str, Any]) -> Scenario:
    tokens: dict[str, Any] = {key: decode_tokens(values[key]) for key in ("prompt", "generate", "context")}
    same: dict[str, Any] = {key: values[key] for key in ("batch", "utilization", "concurrency", "prompts")}
    rate = decode_quantity(values["rate"]).base
    return Scenario(name=name, mode=ScenarioMode(values["mode"]), rate=rate, **same, **tokens)


def _node(name: str, values: dict[str, Any], set_names: list[str], spans: SourceMap) -> Node:
    pass_class = find_pass(values["pass"])
    inputs = {}
    for argument, kind in pass_class.inputs.items():
        names = values[argument] if is_variadic(kind) else [values[argument]] if values[argument] else []
        if names:
            inputs[argument] = tuple(names)
    parameters = {}
    for key, spec in pass_fields(pass_class).items():
        value, default = values[key], default_of(spec)
        if key in set_names or value != (default.name if isinstance(default, enum.Enum) else default):
            parameters[key] = type(default)[value].value if isinstance(default, enum.Enum) else value
    return Node(name, values["pass"], inputs, parameters, spans.below(name), spans.get(name))


def _budget(name: str, plain: dict[str, Any], spans: SourceMap) -> Budget:
    values = plain["budget"][name]
    bounds = []
    for facts in plain["engine"]["recipe"]["bounds"][name]:
        limit = _find(values, facts["key"])
        if limit is not None:  # deleted by an override
            bounds.append(_bound(facts, limit, spans.get(f"budget.{name}.{facts['key']}")))
    return Budget(name, values["subject"], values["under"], tuple(bounds), spans.get(f"budget.{name}"))


def _bound(facts: dict[str, Any], limit: str, span: Any) -> Bound:
    quantity, _, relative_to = limit.partition(" of ")
    return Bound(
        metric=facts["metric"],
        operator=Operator(facts["operator"]),
        limit=decode_quantity(quantity),
        aggregate=facts["aggregate"],
        relative_to=relative_to or None,
        reference=facts["reference"],
        on=facts["on"],
        severity=BoundSeverity(facts["severity"]),
        confidence=facts["confidence"],
        span=span,
    )


def _find(values: dict[str, Any], key: str) -> str | None:
    place: Any = values
    for part in key.split("."):
        place = place.get(part) if isinstance(place, dict) else None
    return place if isinstance(place, str) else None
