"""What a candidate must meet: `perplexity <= 18`, as text in a parameter, as a value here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from infopt_compiler.budget import Operator, holds
from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.metrics import METRICS, Direction
from infopt_compiler.passes.base import Problem
from infopt_compiler.units import Quantity, UnitError, human, parse_quantity

QUALITY_METRICS = frozenset({"perplexity", "bits_per_byte"})
REQUIREMENT_METRICS = (*sorted(QUALITY_METRICS), "size")
"""What `select` can judge of a candidate before it is transformed and served."""

_REQUIREMENT = re.compile(r"\s*([a-z][a-z0-9_.]*)\s*(<=|>=|<|>)\s*(.+?)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on one metric; the limit in the base unit of the metric's dimension."""

    metric: str
    operator: Operator
    limit: Quantity

    def shortfall(self, value: float) -> float | None:
        """How far `value` (base unit) is beyond the limit, as a share of the limit; None where it is met."""
        limit = self.limit.base
        return (
            None
            if holds(self.operator, value, limit)
            else abs(value - limit) / abs(limit)
            if limit
            else abs(value)
        )

    def format(self, value: float) -> str:
        return human(value, METRICS[self.metric].dimension)

    def __str__(self) -> str:
        return f"{self.metric} {self.operator.value} {self.limit}"


class RequirementError(ValueError):
    """A text that is no requirement; `help` says what to write."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


def parse_requirement(text: str) -> Requirement:
    """`perplexity <= 18`; `RequirementError` where metric, operator or unit are wrong."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise RequirementError(f"`{text}` is no requirement", "write for example `perplexity <= 18`")
    metric, operator = match[1], Operator(match[2])
    if metric not in REQUIREMENT_METRICS:
        raise RequirementError(
            f"`select` cannot require `{metric}`: it judges models before they are transformed and served",
            did_you_mean(metric, REQUIREMENT_METRICS),
        )
    try:
        limit = parse_quantity(match[3])
    except UnitError as wrong:
        raise RequirementError(str(wrong), wrong.help) from wrong
    definition = METRICS[metric]
    if limit.dimension is not definition.dimension:
        raise RequirementError(
            f"`{metric}` is a {definition.dimension.value}, `{limit}` a {limit.dimension.value}"
        )
    lower = definition.direction is Direction.lower
    if lower != (operator in (Operator.le, Operator.lt)):
        raise RequirementError(
            f"`{metric}`: {definition.direction.value}, so a requirement is an upper bound"
        )
    return Requirement(metric, operator, limit)


def requirement_problems(texts: Sequence[str]) -> Iterator[Problem]:
    for text in texts:
        try:
            parse_requirement(text)
        except RequirementError as wrong:
            yield Problem(str(wrong), "require", wrong.help)


def required_metrics(texts: Sequence[str]) -> set[str]:
    """The metrics of well-formed requirements; `requirement_problems` tells of the others."""
    metrics: set[str] = set()
    for text in texts:
        with suppress(RequirementError):
            metrics.add(parse_requirement(text).metric)
    return metrics
