"""One line of a budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from infopt_compiler.diagnostics import Span
from infopt_compiler.metrics import METRICS, Metric
from infopt_compiler.units import Quantity

LAST = "last"  # as in `102% of last`: the newest earlier build, and no binding


class Operator(str, Enum):
    le = "<="
    lt = "<"
    ge = ">="
    gt = ">"


class BoundSeverity(str, Enum):
    error = "error"  # a missed bound fails the build
    warn = "warn"  # reported only


@dataclass(frozen=True)
class Bound:
    """`ttft.p95 <= 600 ms`, `perplexity <= 105% of base on heldout`, `tpot.p50 <= 102% of last`, `kl.mean <= 0.05 nats vs base on heldout`.

    `metric` is a key of METRICS, `aggregate` one of its aggregates or None. `relative_to` names the binding whose
    value the limit (a percentage) multiplies, or is LAST; `reference` the binding that a comparing metric compares with.
    `confidence` is what `at` says; None: that of the measure settings.
    """

    metric: str
    operator: Operator
    limit: Quantity
    aggregate: str | None = None
    relative_to: str | None = None
    reference: str | None = None
    on: str | None = None
    severity: BoundSeverity = BoundSeverity.error
    confidence: float | None = None
    span: Span | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """`ttft.p95`: the metric and its aggregate."""
        return f"{self.metric}.{self.aggregate}" if self.aggregate else self.metric

    @property
    def of_last(self) -> bool:
        """The limit is a share of what the newest earlier build measured."""
        return self.relative_to == LAST

    @property
    def beside(self) -> str | None:
        """The binding that is measured beside the subject, for a limit relative to it."""
        return None if self.of_last else self.relative_to

    @property
    def figure(self) -> tuple[str, str | None, str | None]:
        """What is measured of a subject, whatever the limit: (metric with aggregate, data, reference)."""
        return self.name, self.on, self.reference

    @property
    def definition(self) -> Metric:
        return METRICS[self.metric]

    @property
    def is_upper(self) -> bool:
        """The value must stay below the limit."""
        return self.operator in (Operator.le, Operator.lt)
