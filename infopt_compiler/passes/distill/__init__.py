"""The pass `distill`."""

from infopt_compiler.passes.distill.distill import Distill

__all__ = ["Distill"]
