"""Measures runtime settings under a scenario and keeps the best."""

from infopt_compiler.passes.tune.tune import Objective, Tune

__all__ = ["Objective", "Tune"]
