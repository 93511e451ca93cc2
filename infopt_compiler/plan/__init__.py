"""What a build would do: cached or to run, estimates, bounds out of reach."""

from infopt_compiler.plan.make import QUANTITIES, make_plan
from infopt_compiler.plan.model import Outlook, Plan, PlanBound, PlanStep, State

__all__ = [
    "QUANTITIES",
    "Outlook",
    "Plan",
    "PlanBound",
    "PlanStep",
    "State",
    "make_plan",
]
