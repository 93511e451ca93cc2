"""The planner of `shard`: which combinations of degrees are possible, what each costs, which one is taken."""

from infopt_compiler.passes.shard.planner.choose import Row, ShardPlan, make_plan
from infopt_compiler.passes.shard.planner.load import load_of

__all__ = ["Row", "ShardPlan", "load_of", "make_plan"]
