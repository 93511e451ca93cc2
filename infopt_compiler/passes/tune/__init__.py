"""Measures runtime settings under a scenario and keeps the best."""

from infopt_compiler.passes.tune.parameters import Objective
from infopt_compiler.passes.tune.tune import Tune

__all__ = ["Objective", "Tune"]
