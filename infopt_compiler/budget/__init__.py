"""Bounds and verdicts over interval values; pure."""

from infopt_compiler.budget.bound import LAST, Bound, BoundSeverity, Operator
from infopt_compiler.budget.interval import Interval, finite
from infopt_compiler.budget.limits import is_request_limit, request_limits
from infopt_compiler.budget.result import Basis, BoundResult, Verdict, base_unit
from infopt_compiler.budget.spread import Earlier, Spread
from infopt_compiler.budget.verdict import ExitCode, exit_code, holds, judge, overall

__all__ = [
    "LAST",
    "Basis",
    "Bound",
    "BoundResult",
    "BoundSeverity",
    "Earlier",
    "ExitCode",
    "Interval",
    "Operator",
    "Spread",
    "Verdict",
    "base_unit",
    "exit_code",
    "finite",
    "holds",
    "is_request_limit",
    "judge",
    "overall",
    "request_limits",
]
