"""The source map: where in the recipe, or in which override, each value of a configuration was set.

It travels inside the configuration, under `engine.recipe.source_map`, so that a job in another process still points at the recipe line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infopt_compiler.config.lower import bound_keys
from infopt_compiler.diagnostics import Input, Span
from infopt_compiler.sema.program import Program

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class SourceMap:
    """Path in the configuration → span."""

    spans: dict[str, Span] = field(default_factory=dict)
    recipe: Input | None = None

    def get(self, path: str) -> Span | None:
        return self.spans.get(path)

    def below(self, path: str) -> dict[str, Span]:
        """Spans of the values directly below `path`, by their last name."""
        start = f"{path}."
        return {key[len(start) :]: span for key, span in self.spans.items() if key.startswith(start)}


def spans_of(program: Program) -> Iterator[tuple[str, Span | None]]:
    """(path, span) of everything in a program that has a place in the recipe."""
    yield from ((name, model.span) for name, model in program.models.items())
    yield from ((name, data.span) for name, data in program.data.items())
    for node in program.nodes.values():
        yield node.name, node.span
        yield from ((f"{node.name}.{key}", span) for key, span in node.spans.items())
    for budget in program.budgets.values():
        yield f"budget.{budget.name}", budget.span
        yield from ((f"budget.{budget.name}.{key}", bound.span) for key, bound in bound_keys(budget))


def with_source_map(config: DictConfig, program: Program) -> DictConfig:
    """`config` with the source map of `program` in it (in place)."""
    from omegaconf import OmegaConf, open_dict

    spans = {path: span for path, span in spans_of(program) if span is not None}
    inputs = list(
        {id(i): i for i in (*_given(program.input), *(span.input for span in spans.values()))}.values()
    )
    places = {path: [_index(inputs, span.input), span.start, span.end] for path, span in spans.items()}
    texts = [{"name": escape(i.name), "text": escape(i.text)} for i in inputs]
    with open_dict(config):
        config["engine"]["recipe"]["source_map"] = OmegaConf.create(
            {"recipe": program.input is not None, "inputs": texts, "spans": places}
        )
    return config


def read_source_map(config: dict[str, Any]) -> SourceMap:
    """The source map of a plain configuration; an empty one if it has none."""
    written = config["engine"]["recipe"].get("source_map")
    if not written:
        return SourceMap()
    inputs = [Input(unescape(i["name"]), unescape(i["text"])) for i in written["inputs"]]
    spans = {path: Span(inputs[index], start, end) for path, (index, start, end) in written["spans"].items()}
    return SourceMap(spans, inputs[0] if written["recipe"] else None)


def escape(text: str) -> str:
    """A text that OmegaConf takes for no interpolation, wherever it has a `$`."""
    return text.replace("\\", "\\\\").replace("$", "\\d")


def unescape(text: str) -> str:
    return "".join(part.replace("\\d", "$") for part in _halves(text))


def _halves(text: str) -> Iterator[str]:
    """Pieces between doubled backslashes, each pair given back as one backslash."""
    first, *rest = text.split("\\\\")
    yield first
    for piece in rest:
        yield "\\"
        yield piece


def _given(recipe: Input | None) -> tuple[Input, ...]:
    return () if recipe is None else (recipe,)


def _index(inputs: list[Input], wanted: Input) -> int:
    return next(i for i, one in enumerate(inputs) if one is wanted)
