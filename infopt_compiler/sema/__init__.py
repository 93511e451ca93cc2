"""Checks recipes: names, types, units, artifact kinds, budgets. Gives a `Program`."""

from infopt_compiler.sema.check import check_recipe
from infopt_compiler.sema.program import Budget, DataDecl, ModelDecl, Node, Program

__all__ = ["Budget", "DataDecl", "ModelDecl", "Node", "Program", "check_recipe"]
