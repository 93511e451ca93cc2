"""What a build would do: cached or to run, estimates, bounds out of reach."""

from infopt_compiler.plan.bounds import Known, predicted_values
from infopt_compiler.plan.make import QUANTITIES, make_plan
from infopt_compiler.plan.model import Outlook, Plan, PlanBound, PlanStep, State
from infopt_compiler.plan.rates import plan_rates

__all__ = [
    "QUANTITIES",
    "Known",
    "Outlook",
    "Plan",
    "PlanBound",
    "PlanStep",
    "State",
    "make_plan",
    "plan_rates",
    "predicted_values",
]
