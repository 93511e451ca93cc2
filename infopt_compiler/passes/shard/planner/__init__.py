"""The planner of `shard`: which combinations of degrees are possible, what each costs, which one is taken."""

from infopt_compiler.passes.shard.planner.choose import Row, ShardPlan, make_plan

__all__ = ["Row", "ShardPlan", "make_plan"]
