"""What is known of models before anything is fetched: their shapes, and what passes say to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.diagnostics import Diagnostic, error
from infopt_compiler.passes.base import Problem
from infopt_compiler.passes.instance import make_pass
from infopt_compiler.passes.registry import find_pass
from infopt_compiler.scenario import Scenario
from infopt_compiler.sema.program import ModelDecl, Node, Program
from infopt_compiler.sema.scope import Scope
from infopt_compiler.sources import is_config
from infopt_compiler.targets.model import Target
from infopt_compiler.units import Dimension, human


@dataclass(frozen=True)
class Chain:
    """One way from a declared model to a binding, and the spec at its end."""

    model: ModelDecl
    spec: ModelSpec


def static_spec(model: ModelDecl, folder: Path) -> ModelSpec | None:
    """The spec of a model whose shapes can be read now: of a `file:`, or in a wheel that was fetched before; else None,
    never an error."""
    if model.source.startswith("pypi:"):
        from infopt_compiler.sources.identity import peek_spec

        return peek_spec(model.source, folder)
    if not model.source.startswith("file:"):
        return None
    path = Path(model.source.removeprefix("file:")).expanduser()
    try:
        found = folder / path
        return ModelSpec.from_config_file(found) if is_config(found) else ModelSpec.from_folder(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, RuntimeError):
        return None


def check_node(
    scope: Scope,
    node: Node,
    chains: dict[str, tuple[Chain, ...]],
    target: Target | None,
    scenarios: Mapping[str, Scenario],
) -> None:
    """Let the pass check itself against every model that may come to it; note the specs of its result."""
    try:
        instance = make_pass(find_pass(node.pass_name), node.parameters)
    except (TypeError, ValueError) as wrong:
        scope.report(error("E0410", f"`{node.pass_name}`: {wrong}", node.span))
        return
    given = {name: len(bindings) for name, bindings in node.inputs.items()}
    _report(scope, node, list(instance.check_inputs(given)))
    incoming = _incoming(node, chains)
    specs: list[ModelSpec | None] = [chain.spec for chain in incoming] or [None]
    problems = [problem for spec in specs for problem in instance.check(spec)]
    asked = {name: scenarios[at] for name, ats in node.inputs.items() for at in ats if at in scenarios}
    problems += instance.check_scenarios(asked)
    if target is not None and not problems:
        known = (spec for spec in specs if spec is not None)
        problems = [found for spec in known for found in instance.check_target(spec, target, asked)]
    _report(scope, node, problems)
    if incoming and not problems:
        chains[node.name] = tuple(Chain(chain.model, instance.transform(chain.spec)) for chain in incoming)


def _incoming(node: Node, chains: Mapping[str, tuple[Chain, ...]]) -> list[Chain]:
    """The chains that come in by the argument that shapes the output, or the first that has any: a pass transforms
    that model."""
    shaped_by = find_pass(node.pass_name).shaped_by
    for _, bindings in sorted(node.inputs.items(), key=lambda pair: pair[0] != shaped_by):
        found = [chain for binding in bindings for chain in chains.get(binding, ())]
        if found:
            return found
    return []


def _report(scope: Scope, node: Node, problems: list[Problem]) -> None:
    for problem in dict.fromkeys(problems):
        span = node.spans.get(problem.parameter or "") or node.span
        scope.report(error(problem.code, problem.message, span, help=problem.help))


def check_memory(
    scope: Scope,
    program: Program,
    chains: Mapping[str, tuple[Chain, ...]],
    memory_bytes: float | None,
    target: str,
) -> None:
    """What ships must fit the target's memory: weights alone are the least that serving takes."""
    if memory_bytes is None:
        return
    for name in program.shipped:
        for chain in chains.get(name, ()):
            if chain.spec.weight_bytes > memory_bytes:
                scope.report(_too_large(chain, name, memory_bytes, target))


def _too_large(chain: Chain, name: str, memory_bytes: float, target: str) -> Diagnostic:
    size, room = human(chain.spec.weight_bytes, Dimension.bytes), human(memory_bytes, Dimension.bytes)
    message = (
        f"`{chain.model.name}` cannot fit: `{name}` holds {size} of weights, the target `{target}` {room}"
    )
    return error(
        "E0411", message, chain.model.span, help="choose a smaller model, fewer bits, or a larger target"
    )


def specs_of(models: Mapping[str, ModelDecl], folder: Path) -> dict[str, tuple[Chain, ...]]:
    """The chains of declared models whose shapes are known now."""
    specs = {name: static_spec(model, folder) for name, model in models.items()}
    return {name: (Chain(models[name], spec),) for name, spec in specs.items() if spec is not None}
