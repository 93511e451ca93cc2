"""What a mesh must meet: bounds on predicted metrics, as text in a parameter, as values here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infopt_compiler.budget import Operator, holds
from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.metrics import METRICS
from infopt_compiler.passes.base import Problem
from infopt_compiler.targets.sharded import Price
from infopt_compiler.units import Quantity, UnitError, parse_quantity

PLANNED_METRICS = ("ttft", "tpot", "latency", "throughput", "cost", "memory")
_WANTED = re.compile(r"\s*([a-z][a-z0-9_.]*)\s*(<=|>=|<|>)\s*(.+?)\s*")


@dataclass(frozen=True)
class Wanted:
    """A bound on a metric that arithmetic gives; the aggregate is of no matter to it."""

    metric: str
    operator: Operator
    limit: Quantity

    def met(self, found: Price) -> bool:
        return holds(self.operator, planned_value(self.metric, found), self.limit.base)

    def __str__(self) -> str:
        return f"{self.metric} {self.operator.value} {self.limit}"


def planned_value(metric: str, found: Price) -> float:
    """In the metric's base unit."""
    if metric.startswith("memory"):
        return found.memory.total
    if metric == "cost":
        return found.usd_per_token * 1e6
    return float(getattr(found, metric.partition(".")[0]))


def is_planned(metric: str) -> bool:
    return metric.partition(".")[0] in PLANNED_METRICS and metric != "throughput.total"


def parse_wanted(text: str) -> Wanted:
    """`tpot.p50 <= 30 ms`; ValueError with what is wrong."""
    match = _WANTED.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is no requirement")
    if not is_planned(match[1]):
        hint = did_you_mean(match[1], PLANNED_METRICS)
        raise ValueError(f"`shard` cannot plan for `{match[1]}`" + (f": {hint}" if hint else ""))
    try:
        limit = parse_quantity(match[3])
    except UnitError as wrong:
        raise ValueError(str(wrong)) from wrong
    definition = METRICS[match[1].partition(".")[0] if match[1].partition(".")[0] in METRICS else match[1]]
    if limit.dimension is not definition.dimension:
        raise ValueError(
            f"`{match[1]}` is a {definition.dimension.value}, `{limit}` a {limit.dimension.value}"
        )
    return Wanted(match[1], Operator(match[2]), limit)


def wanted_problems(texts: Sequence[str]) -> Iterator[Problem]:
    for text in texts:
        try:
            parse_wanted(text)
        except ValueError as wrong:
            yield Problem(str(wrong), "require", "write for example `require = tpot.p50 <= 30 ms`")
